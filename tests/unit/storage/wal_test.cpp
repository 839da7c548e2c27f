// What a crash leaves in RocksDB's log, and what damage to it leads to.
#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include <fstream>

#include "storage/verify.hpp"
#include "tests/unit/storage/support.hpp"

using namespace tenax;
using namespace tenax::storage;
using namespace tenax::storage::testing;
namespace fs = std::filesystem;

namespace {

constexpr int workflows = 50;

/// A directory whose owner was killed after `workflows` commits.
class crashed {
 public:
  crashed() {
    const int pid = ::fork();
    if (pid == 0) {
      const auto s = open_for_test(dir_.data());
      random_source r(1);
      for (int i = 0; i < workflows; ++i) {
        random_workflow w(r, random_spec(r, "w" + std::to_string(i), 3));
        w.step(1);
        commit(*s, w);
      }
      ::_exit(0);
    }
    int status = 0;
    ::waitpid(pid, &status, 0);
    BOOST_REQUIRE_EQUAL(status, 0);
    for (const auto& f : fs::directory_iterator(dir_.data() / "db")) {
      if (f.path().extension() == ".log" && (log_.empty() || log_ < f.path())) log_ = f.path();
    }
    BOOST_REQUIRE(fs::file_size(log_) > 1'000);
  }
  [[nodiscard]] fs::path data() const { return dir_.data(); }
  [[nodiscard]] const fs::path& log() const { return log_; }

  /// How many of the workflows are there; they must be the first ones.
  static int prefix(const read_store& s) {
    int count = 0;
    while (count < workflows && s.exists("w" + std::to_string(count))) ++count;
    for (int i = count; i < workflows; ++i) BOOST_TEST(!s.exists("w" + std::to_string(i)));
    BOOST_TEST(s.current_totals().submitted == static_cast<std::uint64_t>(count));
    return count;
  }
  /// Reads, then opens, then verifies.
  void expect(int count) const {
    {
      const auto reading = open_reading_store(data());
      BOOST_REQUIRE_MESSAGE(reading, failure(reading));
      BOOST_TEST(prefix(**reading) == count);
    }
    const auto s = open_for_test(data());
    BOOST_TEST(prefix(*s) == count);
    const auto report = verify_store(*s);
    BOOST_REQUIRE(report);
    BOOST_TEST(report->findings_total == 0u);
  }

 private:
  temp_dir dir_;
  fs::path log_;
};

std::string read_file(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}
void write_file(const fs::path& file, const std::string& bytes) {
  std::ofstream(file, std::ios::binary | std::ios::trunc) << bytes;
}

/// Where the last record of a log begins: blocks of 32 KiB, records of crc u32, length u16, type
/// u8, bytes (github.com/facebook/rocksdb/wiki/Write-Ahead-Log-File-Format).
std::size_t last_record(const std::string& log) {
  constexpr std::size_t block = 32'768;
  constexpr std::size_t header = 7;
  std::size_t last = 0;
  for (std::size_t at = 0; at + header <= log.size();) {
    const std::size_t left = block - at % block;
    if (left < header) {
      at += left;
      continue;
    }
    last = at;
    const auto byte = [&](std::size_t n) { return static_cast<unsigned char>(log[at + n]); };
    at += header + byte(4) + std::size_t{256} * byte(5);
  }
  return last;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(wal_test, *boost::unit_test::precondition(can_fork))

BOOST_AUTO_TEST_CASE(a_killed_process_loses_nothing) { crashed().expect(workflows); }

/// Such a log looks as if a crash had torn it.
BOOST_AUTO_TEST_CASE(a_log_that_lost_its_end_after_a_clean_close_is_an_error) {
  temp_dir dir;
  {
    const auto s = open_for_test(dir.data());
    random_source r(1);
    random_workflow w(r, random_spec(r, "w", 3));
    w.step(1);
    commit(*s, w);
  }
  fs::path log;
  for (const auto& f : fs::directory_iterator(dir.data() / "db")) {
    if (f.path().extension() == ".log" && log < f.path()) log = f.path();
  }
  const auto whole = read_file(log);
  auto damaged = whole;
  damaged[last_record(whole) + 5] ^= 0x40;  // a length that reaches beyond the file
  for (const auto& bytes : {std::string(), whole.substr(0, last_record(whole)), damaged}) {
    write_file(log, bytes);
    const auto reading = open_reading_store(dir.data());
    BOOST_TEST((!reading && reading.error().code() == errc::corrupt));
    const auto opened = open_store(dir.data(), {});
    BOOST_REQUIRE(!opened);
    BOOST_TEST((opened.error().code() == errc::corrupt));
    BOOST_TEST(opened.error().message().find("log file") != std::string::npos);
  }
}

BOOST_AUTO_TEST_CASE(a_torn_last_write_is_gone_whole) {
  const crashed c;
  fs::resize_file(c.log(), fs::file_size(c.log()) - 7);
  c.expect(workflows - 1);
}

BOOST_AUTO_TEST_CASE(garbage_behind_the_last_write_is_ignored) {
  const crashed c;
  std::ofstream(c.log(), std::ios::app | std::ios::binary) << std::string(100, '\x5a');
  c.expect(workflows);
}

BOOST_AUTO_TEST_CASE(damage_in_the_middle_is_an_error_not_a_loss) {
  const crashed c;
  {
    std::fstream f(c.log(), std::ios::in | std::ios::out | std::ios::binary);
    f.seekg(static_cast<std::streamoff>(fs::file_size(c.log()) / 2));
    const char flipped = static_cast<char>(f.get() ^ 0x10);
    f.seekp(static_cast<std::streamoff>(fs::file_size(c.log()) / 2));
    f.put(flipped);
  }
  const auto opened = open_store(c.data(), {});
  BOOST_REQUIRE(!opened);
  BOOST_TEST((opened.error().code() == errc::corrupt));
  BOOST_TEST(!open_reading_store(c.data()).has_value());
}

/// RocksDB's secondary instance has a log reader of its own that does not come to an end when the
/// last record is incomplete and its type has become that of a recycled log (5).
BOOST_AUTO_TEST_CASE(a_reader_of_a_damaged_last_write_comes_to_an_end) {
  const crashed c;
  const auto bytes = read_file(c.log());
  const std::size_t last = last_record(bytes);
  ::alarm(60);  // a reader that hangs fails
  for (unsigned type = 0; type < 32; ++type) {
    for (const std::size_t lost : {0, 7}) {
      auto damaged = bytes.substr(0, bytes.size() - lost);
      damaged[last + 6] = static_cast<char>(type);
      write_file(c.log(), damaged);
      const auto reading = open_reading_store(c.data());
      if (reading) {
        BOOST_TEST((*reading)->exists("w" + std::to_string(workflows - 2)));
      } else {
        BOOST_TEST((reading.error().code() == errc::corrupt));
      }
    }
  }
  ::alarm(0);
  write_file(c.log(), bytes);
  c.expect(workflows);
}

BOOST_AUTO_TEST_SUITE_END()
