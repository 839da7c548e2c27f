// Who may open a data directory, and what is said when it cannot be.
#include "storage/data_dir.hpp"

#include <rocksdb/db.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include <fstream>

#include "storage/keys.hpp"
#include "storage/meta_names.hpp"
#include "storage/records.hpp"
#include "storage/rows.hpp"
#include "tenax/engine.hpp"
#include "tests/unit/storage/support.hpp"

using namespace tenax;
using namespace tenax::storage;
using namespace tenax::storage::testing;
namespace fs = std::filesystem;

namespace {

error open_failure(const fs::path& dir) {
  const auto opened = open_store(dir, {});
  BOOST_REQUIRE(!opened);
  BOOST_TEST(opened.error().message().find(dir.string()) != std::string::npos);
  return opened.error();
}

bool says(const error& e, std::string_view what) {
  BOOST_TEST_MESSAGE(e.to_string());
  return e.message().find(what) != std::string::npos;
}

void write_format(const fs::path& dir, std::uint64_t version) {
  const auto s = open_for_test(dir);
  write_batch batch;
  std::string value;
  records::encode_number(version, value);
  batch.put(keys::meta(meta_names::format), value);
  BOOST_REQUIRE(s->write(s->epoch(), {&batch}));
}

/// Runs `body` in a child; its return value is the exit code. The child says `ready` by a byte in
/// the pipe and ends when the parent closes its end.
class child {
 public:
  template <class F>
  explicit child(F&& body) {
    int up[2];
    int down[2];
    BOOST_REQUIRE(::pipe(up) == 0 && ::pipe(down) == 0);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::close(up[0]);
      ::close(down[1]);
      const auto ready_and_wait = [&] {
        char byte = 'r';
        if (::write(up[1], &byte, 1) != 1 || ::read(down[0], &byte, 1) < 0) ::_exit(99);
      };
      ::_exit(body(ready_and_wait));
    }
    ::close(up[1]);
    ::close(down[0]);
    from_ = up[0];
    to_ = down[1];
  }
  ~child() { finish(); }
  child(const child&) = delete;
  child& operator=(const child&) = delete;
  void wait_ready() {
    char byte = 0;
    BOOST_REQUIRE(::read(from_, &byte, 1) == 1);
  }
  int finish() {
    if (pid_ <= 0) return -1;
    ::close(to_);
    ::close(from_);
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  [[nodiscard]] int pid() const { return pid_; }

 private:
  int pid_ = -1;
  int from_ = -1;
  int to_ = -1;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(data_dir_test)

BOOST_AUTO_TEST_CASE(an_absent_directory_is_made_for_its_owner_only) {
  temp_dir dir;
  for (const auto* name : {"new/data", "plain", "slash/", "new/slash/", "dot/.", "new/dot/./"}) {
    const auto data = dir.path() / name;
    const auto s = open_for_test(data);
    const auto mode = fs::status(data).permissions() & fs::perms::mask;
    BOOST_TEST((mode == fs::perms::owner_all), name);
  }
}

BOOST_AUTO_TEST_CASE(the_process_may_change_its_working_directory) {
  temp_dir dir;
  const auto home = fs::current_path();
  fs::current_path(dir.path());
  auto s = open_for_test("relative");
  fs::create_directory("elsewhere");
  fs::current_path("elsewhere");
  BOOST_TEST(dynamic_cast<const row_source*>(s.get())->rows() != nullptr);
  random_source r(1);
  random_workflow w(r, random_spec(r, "w", 3));
  w.step(1);
  commit(*s, w);
  s.reset();
  fs::current_path(dir.path());
  auto reading = open_reading_store("relative");
  BOOST_REQUIRE_MESSAGE(reading, failure(reading));
  fs::current_path("elsewhere");
  BOOST_TEST((*reading)->refresh().has_value());
  BOOST_TEST((*reading)->exists("w"));
  fs::current_path(home);
  BOOST_TEST(!fs::exists(dir.path() / "relative" / "owner.pid"));
  BOOST_TEST(fs::exists(dir.path() / "relative" / "last_write"));
  BOOST_TEST(open_for_test(dir.path() / "relative")->exists("w"));
}

BOOST_AUTO_TEST_CASE(a_file_is_not_a_data_directory) {
  temp_dir dir;
  std::ofstream(dir.data()) << "x";
  const auto e = open_failure(dir.data());
  BOOST_TEST((e.code() == errc::data_dir_unusable));
  BOOST_TEST(says(e, "not a directory"));
  const auto below = open_failure(dir.data() / "below");
  BOOST_TEST((below.code() == errc::data_dir_unusable));
}

BOOST_AUTO_TEST_CASE(a_directory_full_of_other_things_is_refused_and_left_alone) {
  temp_dir dir;
  fs::create_directory(dir.data());
  std::ofstream(dir.data() / "thesis.tex") << "x";
  const auto e = open_failure(dir.data());
  BOOST_TEST((e.code() == errc::data_dir_unusable));
  BOOST_TEST(says(e, "thesis.tex"));
  BOOST_TEST(!fs::exists(dir.data() / "db"));
}

BOOST_AUTO_TEST_CASE(an_empty_directory_and_a_half_made_database_are_used) {
  temp_dir dir;
  fs::create_directories(dir.data() / "db");
  std::ofstream(dir.data() / "db" / "LOCK");
  std::ofstream(dir.data() / "db" / "000001.dbtmp") << "MANI";
  BOOST_TEST(open_for_test(dir.data())->epoch() == 1u);
}

BOOST_AUTO_TEST_CASE(a_database_without_its_current_file_is_not_replaced_by_an_empty_one) {
  temp_dir dir;
  { const auto s = open_for_test(dir.data()); }
  fs::remove(dir.data() / "db" / "CURRENT");
  const auto e = open_failure(dir.data());
  BOOST_TEST((e.code() == errc::corrupt));
  BOOST_TEST(says(e, "CURRENT"));
}

BOOST_AUTO_TEST_CASE(another_users_directory_is_refused) {
  if (::geteuid() != 0) return;  // only root can give a directory away
  temp_dir dir;
  fs::create_directory(dir.data());
  BOOST_REQUIRE(::chown(dir.data().c_str(), 65534, 65534) == 0);
  const auto e = open_failure(dir.data());
  BOOST_TEST((e.code() == errc::data_dir_unusable));
  BOOST_TEST(says(e, "another user"));
}

BOOST_AUTO_TEST_CASE(a_newer_format_is_refused_naming_both_versions) {
  temp_dir dir;
  write_format(dir.data(), 7);
  const auto e = open_failure(dir.data());
  BOOST_TEST((e.code() == errc::format_too_new));
  BOOST_TEST(says(e, "format 7"));
  BOOST_TEST(says(e, "up to 5"));
  const auto reading = open_reading_store(dir.data());
  BOOST_REQUIRE(!reading);
  BOOST_TEST((reading.error().code() == errc::format_too_new));
  BOOST_TEST(!data_dir_owner(dir.data()).has_value());  // closed again
}

BOOST_AUTO_TEST_CASE(the_format_from_before_the_first_release_is_refused) {
  temp_dir dir;
  write_format(dir.data(), 1);
  const auto e = open_failure(dir.data());
  BOOST_TEST((e.code() == errc::data_dir_unusable));
  BOOST_TEST(says(e, "format 1"));
  BOOST_TEST(says(e, "reads formats 3 to 5"));
}

BOOST_AUTO_TEST_CASE(a_foreign_rocksdb_is_refused) {
  temp_dir dir;
  fs::create_directories(dir.data());
  rocksdb::Options options;
  options.create_if_missing = true;
  rocksdb::DB* db = nullptr;
  BOOST_REQUIRE(rocksdb::DB::Open(options, (dir.data() / "db").string(), &db).ok());
  BOOST_REQUIRE(db->Put(rocksdb::WriteOptions(), "k", "v").ok());
  delete db;
  const auto e = open_failure(dir.data());
  BOOST_TEST((e.code() == errc::corrupt));
}

BOOST_AUTO_TEST_CASE(a_second_open_in_this_process_is_refused_and_harms_nothing) {
  temp_dir dir;
  const auto s = open_for_test(dir.data());
  fs::create_directory_symlink(dir.data(), dir.path() / "link");
  for (const auto& path : {dir.data(), dir.path() / "link"}) {
    const auto e = open_failure(path);
    BOOST_TEST((e.code() == errc::data_dir_locked));
    BOOST_TEST(says(e, std::to_string(::getpid())));
    BOOST_TEST((data_dir_owner(path) == std::optional<int>(::getpid())));
  }
  // The lock is still held: another process is refused.
  child other([&](auto&&) {
    const auto opened = open_store(dir.data(), {});
    return !opened && opened.error().code() == errc::data_dir_locked ? 7 : 1;
  });
  BOOST_TEST(other.finish() == 7);
}

BOOST_AUTO_TEST_CASE(every_path_to_a_directory_is_the_same_directory) {
  temp_dir dir;
  const auto s = open_for_test(dir.data());
  fs::create_directory(dir.path() / "side");
  fs::create_directory_symlink(dir.data(), dir.path() / "side" / "link");
  const auto home = fs::current_path();
  fs::current_path(dir.path());
  for (const auto& path : {fs::path("data"), fs::path("side/../data"), fs::path("side/link/."),
                           dir.path() / "data/../side/link/"}) {
    const auto opened = open_store(path, {});
    BOOST_REQUIRE(!opened);
    BOOST_TEST((opened.error().code() == errc::data_dir_locked), path);
    BOOST_TEST((data_dir_owner(path) == std::optional<int>(::getpid())), path);
  }
  fs::current_path(home);
}

/// Forked first: what it then tries is what a process of its own would get.
class other_process : public child {
 public:
  explicit other_process(const fs::path& data)
      : child([data](auto&& ready_and_wait) {
          ready_and_wait();
          const auto opened = open_store(data, {});
          if (opened) return 1;
          return opened.error().code() == errc::data_dir_locked ? refused : 2;
        }) {
    wait_ready();
  }
  static constexpr int refused = 7;
};

BOOST_AUTO_TEST_CASE(a_program_that_copies_its_own_data_directory_keeps_the_lock,
                     *boost::unit_test::precondition(can_fork)) {
  temp_dir dir;
  { const auto s = open_for_test(dir.data()); }
  other_process other(dir.data());
  const auto s = open_for_test(dir.data());
  std::size_t files = 0;
  for (const auto& entry : fs::recursive_directory_iterator(dir.data())) {
    if (!entry.is_regular_file()) continue;
    std::ifstream in(entry.path());  // and closes it
    in.get();
    ++files;
  }
  BOOST_TEST(files > 4u);
  BOOST_TEST(other.finish() == other_process::refused);
  // RocksDB's own lock, which names the process to others, is what was lost.
  child looks([&](auto&&) { return data_dir_owner(dir.data()) == ::getppid() ? 7 : 1; });
  BOOST_TEST(looks.finish() == 7);
}

BOOST_AUTO_TEST_CASE(a_fork_of_the_owner_can_neither_write_nor_free_the_directory,
                     *boost::unit_test::precondition(can_fork)) {
  temp_dir dir;
  random_source r(1);
  random_workflow w(r, random_spec(r, "w", 3));
  w.step(1);
  other_process other(dir.data());
  auto s = open_for_test(dir.data());
  child forked([&](auto&&) {
    write_batch batch;
    encode_commit(*w.def, w.state, w.changes, batch);
    const auto written = s->write(s->epoch(), {&batch});
    if (written || written.error().code() != errc::stopped) return 1;
    const auto copied = s->backup(dir.path() / "copy");
    if (copied || copied.error().code() != errc::stopped) return 2;
    if (data_dir_owner(dir.data()) != ::getppid()) return 3;
    const auto again = open_store(dir.data(), {});
    if (again || again.error().code() != errc::data_dir_locked) return 4;
    s.reset();  // as an exit that runs destructors would
    return 7;
  });
  BOOST_TEST(forked.finish() == 7);
  BOOST_TEST(fs::exists(dir.data() / "owner.pid"));
  BOOST_TEST(!fs::exists(dir.data() / "last_write"));
  BOOST_TEST((data_dir_owner(dir.data()) == std::optional<int>(::getpid())));
  BOOST_TEST(other.finish() == other_process::refused);
  commit(*s, w);
}

BOOST_AUTO_TEST_CASE(a_fork_that_lives_on_does_not_keep_the_directory,
                     *boost::unit_test::precondition(can_fork)) {
  temp_dir dir;
  { const auto s = open_for_test(dir.data()); }
  child owner([&](auto&& ready_and_wait) {
    const auto s = open_for_test(dir.data());
    if (::fork() == 0) {
      ready_and_wait();
      ::_exit(0);
    }
    ::_exit(3);  // no clean close
    return 0;
  });
  owner.wait_ready();  // the fork's fork
  BOOST_REQUIRE(::waitpid(owner.pid(), nullptr, 0) == owner.pid());
  BOOST_TEST(!data_dir_owner(dir.data()).has_value());
  BOOST_TEST(open_for_test(dir.data())->epoch() == 3u);

  auto s = open_for_test(dir.data());
  child lives_on([&](auto&& ready_and_wait) {
    ready_and_wait();
    return 0;
  });
  lives_on.wait_ready();
  s.reset();
  BOOST_TEST(open_for_test(dir.data())->epoch() == 5u);
}

BOOST_AUTO_TEST_CASE(a_directory_from_before_the_lock_file_opens) {
  temp_dir dir;
  { const auto s = open_for_test(dir.data()); }
  fs::remove(dir.data() / "lock");
  BOOST_TEST(open_reading_store(dir.data()).has_value());
  BOOST_TEST(!fs::exists(dir.data() / "lock"));
  BOOST_TEST(open_for_test(dir.data())->epoch() == 2u);
}

/// The umask that lets everything through, for one test.
struct open_umask {
  mode_t before = ::umask(0);
  ~open_umask() { ::umask(before); }
};

unsigned mode_of(const fs::path& path) {
  return static_cast<unsigned>(fs::symlink_status(path).permissions() & fs::perms::mask);
}

BOOST_AUTO_TEST_CASE(a_directory_that_others_may_write_to_is_refused_and_says_what_to_do) {
  temp_dir dir;
  fs::create_directory(dir.data());
  for (const unsigned mode : {0775u, 0757u, 0720u, 0702u, 0777u, 01777u}) {
    fs::permissions(dir.data(), fs::perms(mode));
    const auto e = open_failure(dir.data());
    BOOST_TEST((e.code() == errc::data_dir_unusable));
    BOOST_TEST(says(e, "chmod go-w " + dir.data().string()));
    BOOST_TEST(fs::is_empty(dir.data()));
  }
  fs::permissions(dir.data(), fs::perms(0755));
  BOOST_TEST(open_for_test(dir.data())->epoch() == 1u);
}

BOOST_AUTO_TEST_CASE(what_is_made_in_a_directory_is_closed_to_other_users) {
  const open_umask everything;
  temp_dir dir;
  fs::create_directory(dir.data());
  fs::permissions(dir.data(), fs::perms(0755));
  fs::create_directory(dir.data() / "db");  // 0777: repaired
  for (int i = 0; i < 2; ++i) {
    {
      const auto s = open_for_test(dir.data());
      BOOST_TEST(mode_of(dir.data() / "db") == 0700u);
      BOOST_TEST(mode_of(dir.data() / "owner.pid") == 0600u);
      BOOST_TEST(mode_of(dir.data() / "lock") == 0600u);
    }
    BOOST_TEST(mode_of(dir.data() / "last_write") == 0600u);
    fs::permissions(dir.data() / "db", fs::perms(0755));
    fs::permissions(dir.data() / "last_write", fs::perms(0644));
  }
}

BOOST_AUTO_TEST_CASE(links_in_the_place_of_its_files_are_not_followed) {
  temp_dir dir;
  const auto victim = dir.path() / "victim";
  std::ofstream(victim) << "precious";
  fs::create_directory(dir.data());
  fs::create_symlink(victim, dir.data() / "owner.pid");
  fs::create_symlink(victim, dir.data() / "last_write");
  { const auto s = open_for_test(dir.data()); }
  BOOST_TEST(mode_of(dir.data() / "last_write") == 0600u);
  fs::remove(dir.data() / "last_write");
  fs::create_hard_link(victim, dir.data() / "last_write");
  { const auto s = open_for_test(dir.data()); }
  std::string text;
  std::getline(std::ifstream(victim), text);
  BOOST_TEST(text == "precious");

  fs::remove(dir.data() / "last_write");
  BOOST_REQUIRE(::mkfifo((dir.data() / "last_write").c_str(), 0600) == 0);
  BOOST_TEST(open_reading_store(dir.data()).has_value());  // does not wait for a writer of it
  fs::remove(dir.data() / "lock");
  fs::create_symlink(victim, dir.data() / "lock");
  const auto e = open_failure(dir.data());
  BOOST_TEST((e.code() == errc::data_dir_unusable));
  BOOST_TEST(says(e, "lock"));
}

BOOST_AUTO_TEST_CASE(a_directory_in_use_by_another_process_names_it,
                     *boost::unit_test::precondition(can_fork)) {
  temp_dir dir;
  { const auto s = open_for_test(dir.data()); }
  child owner([&](auto&& ready_and_wait) {
    auto s = open_for_test(dir.data());
    ready_and_wait();
    s.reset();
    return 0;
  });
  owner.wait_ready();
  BOOST_TEST((data_dir_owner(dir.data()) == std::optional<int>(owner.pid())));
  const auto e = open_failure(dir.data());
  BOOST_TEST((e.code() == errc::data_dir_locked));
  BOOST_TEST(says(e, "process " + std::to_string(owner.pid())));
  BOOST_TEST(owner.finish() == 0);
  BOOST_TEST(!data_dir_owner(dir.data()).has_value());
  BOOST_TEST(!fs::exists(dir.data() / "owner.pid"));
  BOOST_TEST(open_for_test(dir.data())->epoch() == 3u);
}

BOOST_AUTO_TEST_CASE(a_killed_owner_leaves_no_claim, *boost::unit_test::precondition(can_fork)) {
  temp_dir dir;
  child owner([&](auto&& ready_and_wait) {
    const auto s = open_for_test(dir.data());
    ready_and_wait();
    ::_exit(3);  // no clean close
    return 0;
  });
  owner.wait_ready();
  BOOST_TEST(owner.finish() == 3);
  BOOST_TEST(fs::exists(dir.data() / "owner.pid"));
  BOOST_TEST(!data_dir_owner(dir.data()).has_value());
  BOOST_TEST(open_for_test(dir.data())->epoch() == 2u);
}

BOOST_AUTO_TEST_CASE(a_read_only_directory_can_be_read_but_not_opened,
                     *boost::unit_test::precondition(can_fork)) {
  if (::geteuid() != 0) return;  // the child must become someone else
  temp_dir dir;
  random_source r(1);
  random_workflow w(r, random_spec(r, "w", 3));
  {
    const auto s = open_for_test(dir.data());
    w.step(1);
    commit(*s, w);
  }
  fs::permissions(dir.path(), fs::perms(0755));
  fs::permissions(dir.data(), fs::perms(0555));
  fs::permissions(dir.data() / "db", fs::perms(0555));
  for (const auto& f : fs::directory_iterator(dir.data() / "db")) {
    fs::permissions(f.path(), fs::perms(0444));
  }
  child other([&](auto&&) {
    if (::setuid(65534) != 0) return 2;
    const auto writing = open_store(dir.data(), {});
    if (writing || writing.error().code() != errc::data_dir_unusable) return 3;
    const auto reading = open_reading_store(dir.data());
    if (!reading) {
      std::fprintf(stderr, "%s\n", reading.error().to_string().c_str());
      return 4;
    }
    const auto loaded = (*reading)->load("w");
    return loaded && difference(loaded->state, w.state).empty() ? 0 : 5;
  });
  BOOST_TEST(other.finish() == 0);
}

BOOST_AUTO_TEST_SUITE_END()
