// disk_fault_main.cpp - the k-th append, sync, open, read, rename fails, for k = 1, 2, 3 ... until
// a run passes untouched; once, and from then on; with no space, an I/O error, corruption.
//   disk_fault_main [--jobs J] [--seed S] [--dir D] [--every]
//                   [--operation O --failure F --kth K [--and-later]]
// The failure changes with k; --every tries all three for each k (for a soak). With an operation:
// that run only.
// Each run is a forked child on a copy of a directory with work under way. It must end by itself,
// with a message if anything failed; afterwards all that was acknowledged must be there, verify
// clean, and an engine on a good disk must finish everything.
#include <rocksdb/env.h>

#include <cstdio>
#include <cstring>
#include <string>

#include "tests/fault/disk_fault_fs.hpp"
#include "tests/fault/engine_life.hpp"
#include "tests/support/processes.hpp"

namespace tenax::faults {

namespace {

struct settings {
  std::uint64_t seed = 1;
  std::uint64_t jobs = 2;
  std::string dir;
  bool every = false;
  std::optional<disk_fault> only;
};

struct counters {
  std::atomic<std::uint64_t> runs;
  std::atomic<std::uint64_t> refused;    ///< the open failed
  std::atomic<std::uint64_t> halted;     ///< the engine stopped
  std::atomic<std::uint64_t> tolerated;  ///< neither, though an operation had failed
  std::atomic<std::uint64_t> violations;
  std::atomic<std::uint64_t> k_max;
};

struct run_memory {
  shared_ledger ledger;
  std::atomic<bool> triggered;
};

constexpr unsigned run_timeout_s = 60;
constexpr std::uint32_t before_fault = 4;
constexpr std::uint32_t with_fault = 9;

/// A read of damaged rows puts off what needed it for a minute: the recovery is later than that.
class later_clock final : public model::clock {
 public:
  [[nodiscard]] model::time_ms now_ms() const override {
    return model::system_clock().now_ms() + 120'000;
  }
};

std::string describe(const disk_fault& f) {
  return "--operation " + std::string(to_string(f.which)) + " --failure " +
         std::string(to_string(f.how)) + " --kth " + std::to_string(f.kth) +
         (f.and_later ? " --and-later" : "");
}

class fault_loop {
 public:
  fault_loop(const settings& s, counters& all)
      : s_(s),
        all_(all),
        dir_("tenax-disk", s.dir),
        base_(support::make_shared_memory<shared_ledger>()),
        memory_(support::make_shared_memory<run_memory>()) {
    base_.clear();
    const auto end = support::run_forked([&] { return prepare(); }, run_timeout_s);
    if (!end.ok()) violated("preparing: " + end.to_string(), {});
  }

  /// No file system answers an open or a rename with corruption, and RocksDB asserts that none
  /// does.
  static std::size_t kinds(operation which) {
    return which == operation::open || which == operation::rename ? 2 : std::size(all_failures);
  }

  /// All k for one sort of operation. `how`: nothing: in turn.
  void run_all(operation which, bool and_later, std::optional<failure> how) {
    disk_fault f{which, 0, and_later, failure::io_error};
    for (f.kth = 1; all_.violations == 0; ++f.kth) {
      f.how = how.value_or(all_failures[(f.kth + (and_later ? 1 : 0)) % kinds(which)]);
      run(f);
      if (!memory_.triggered) return;
      if (all_.k_max < f.kth) all_.k_max = f.kth;
    }
  }

  void run(const disk_fault& f) {
    std::filesystem::remove_all(data_dir());
    std::filesystem::copy(dir_.path() / "base", data_dir(),
                          std::filesystem::copy_options::recursive);
    // The ledger of the directory that was copied.
    std::memcpy(static_cast<void*>(&memory_.ledger), &base_, sizeof base_);
    memory_.triggered = false;
    const auto broken = support::run_forked([&] { return live(f); }, run_timeout_s);
    if (!broken.ok()) return violated("with the fault: " + broken.to_string(), f);
    ++all_.runs;
    const auto after = support::run_forked([&] { return recover(); }, run_timeout_s);
    if (!after.ok()) return violated("after the fault: " + after.to_string(), f);
    const auto look = support::run_forked([&] { return look_back(); }, run_timeout_s);
    if (!look.ok()) return violated("at the end: " + look.to_string(), f);
  }

 private:
  void violated(const std::string& what, const disk_fault& f) {
    ++all_.violations;
    dir_.keep();
    std::fprintf(stderr, "VIOLATION %s\n  data: %s\n  repeat: disk_fault_main --seed %llu %s\n",
                 what.c_str(), dir_.path().c_str(), static_cast<unsigned long long>(s_.seed),
                 describe(f).c_str());
  }
  static bool says_why(const std::string& message) {
    // RocksDB hides a failure of its first look at the file system behind the last of these.
    for (const char* known : {"injected", "no space left", "Direct I/O is not supported"}) {
      if (message.find(known) != std::string::npos) return true;
    }
    return false;
  }
  static int complain(const std::string& what) {
    std::fprintf(stderr, "VIOLATION %s\n", what.c_str());
    return 1;
  }
  std::filesystem::path data_dir() const { return dir_.path() / "data"; }

  life_options options(const std::filesystem::path& dir, std::uint32_t workflows) const {
    life_options o;
    o.data_dir = dir;
    o.workload_seed = s_.seed;
    o.life_seed = s_.seed;
    // A directory without the index of ends gets one while the disk fails.
    o.keeps_ends = workflows == with_fault;
    o.workflows = workflows;
    o.write_buffer_bytes = 64u << 10;  // flushes happen in each run
    return o;
  }

  /// A directory with work under way, as a killed process leaves it.
  int prepare() {
    engine_life one(base_, options(dir_.path() / "base", before_fault));
    if (const auto opened = one.open(); !opened) return complain(opened.error().to_string());
    while (base_.next < before_fault || base_.acked() < before_fault) {
      one.tick();
      workload::take_ms(1);
    }
    std::fflush(nullptr);
    ::_exit(0);
  }

  int live(const disk_fault& f) {
    auto fs = std::make_shared<disk_fault_fs>(rocksdb::FileSystem::Default(), f);
    const auto env = rocksdb::NewCompositeEnv(fs);
    auto o = options(data_dir(), with_fault);
    o.env = env.get();
    auto one = std::make_unique<engine_life>(memory_.ledger, o);
    const auto opened = one->open();
    int bad = 0;
    if (!opened) {
      ++all_.refused;
      if (!fs->has_failed()) bad = complain("open failed untouched: " + opened.error().to_string());
      if (!says_why(opened.error().message())) {
        bad = complain("the message does not say why: " + opened.error().to_string());
      }
    } else {
      bad = work(*one, f);
      if (fs->has_failed()) ++(one->core().halted() ? all_.halted : all_.tolerated);
      one->close();
    }
    memory_.triggered = fs->has_failed();
    // Closing a database whose background work failed takes a second: only now and then.
    if (f.kth % 16 == 1) one.reset();
    (void)one.release();
    (void)new auto(env.get());
    std::fflush(nullptr);
    ::_exit(bad + static_cast<int>(memory_.ledger.broken > 0));
  }

  int work(engine_life& one, const disk_fault& f) {
    constexpr unsigned ticks_max = 200;
    for (unsigned tick = 0; tick < ticks_max && !one.core().halted(); ++tick) {
      one.tick();
      workload::take_ms(1);
      if (memory_.ledger.next == with_fault && one.open_workflows() == 0) break;
    }
    if (!one.core().halted()) return 0;
    // I18: a stopped engine says why, and takes nothing more.
    // The log comes just after the gate.
    for (int i = 0; i < 1'000 && one.last_error().empty(); ++i) workload::take_ms(1);
    if (!says_why(one.last_error())) {
      return complain("the engine stopped without saying why: " + one.last_error());
    }
    // After a failed read the journal still writes what it had: that was decided before.
    for (std::uint64_t last = 0; f.which == operation::read && one.core().stats().syncs != last;) {
      last = one.core().stats().syncs;
      workload::take_ms(100);
    }
    const auto before = one.core().stats().attempts;
    const auto syncs = one.core().stats().syncs;
    std::optional<errc> answer;
    one.core().submit(workload::make_spec(s_.seed, with_fault + 1), [&](const auto& r) {
      answer = r ? std::nullopt : std::optional(r.error().code());
    });
    if (answer != errc::stopped) return complain("I18: a stopped engine took a submit");
    workload::take_ms(30);
    // One handler for each thread may have been past the gate when it closed.
    if (one.core().stats().attempts > before + 5 || one.core().stats().syncs != syncs) {
      return complain("I18: a stopped engine goes on");
    }
    return 0;
  }

  int look_back() {
    const auto violations = check(memory_.ledger, s_.seed, data_dir());
    for (const auto& v : violations) complain(v);
    return violations.empty() ? 0 : 1;
  }

  /// On a good disk: everything is there, and ends.
  int recover() {
    if (look_back() != 0) return 1;
    const later_clock later;
    auto o = options(data_dir(), with_fault);
    o.wall = &later;
    engine_life one(memory_.ledger, o);
    if (const auto opened = one.open(); !opened) {
      return complain("it does not open any more: " + opened.error().to_string());
    }
    constexpr unsigned rounds_max = 1'500;
    for (unsigned round = 0; one.open_workflows() > 0; ++round) {
      if (round == rounds_max) return complain("I11: workflows do not end");
      one.decide();
      workload::take_ms(5);
    }
    one.close();
    return 0;
  }

  const settings& s_;
  counters& all_;
  support::temporary_directory dir_;
  shared_ledger& base_;
  run_memory& memory_;
};

int run_job(const settings& s, counters& all, std::uint64_t job) {
  fault_loop loop(s, all);
  if (s.only) {
    loop.run(*s.only);
    return 0;
  }
  std::uint64_t turn = 0;
  const auto mine = [&] { return turn++ % s.jobs == job; };
  for (const auto which : all_operations) {
    for (const bool and_later : {false, true}) {
      if (!s.every) {
        if (mine()) loop.run_all(which, and_later, std::nullopt);
        continue;
      }
      for (std::size_t i = 0; i < fault_loop::kinds(which); ++i) {
        if (mine()) loop.run_all(which, and_later, all_failures[i]);
      }
    }
  }
  return 0;
}

int run(const settings& s) {
  auto& all = support::make_shared_memory<counters>();
  std::vector<pid_t> jobs;
  for (std::uint64_t job = 0; job < (s.only ? 1 : s.jobs); ++job) {
    jobs.push_back(support::fork_child([&, job] { return run_job(s, all, job); }));
  }
  bool failed = false;
  for (const pid_t job : jobs) failed = !support::wait_for(job, 3'600).ok() || failed;
  const auto n = [](const auto& x) { return static_cast<unsigned long long>(x.load()); };
  std::printf(
      "disk faults: seed %llu, %llu runs, k up to %llu; %llu opens refused, %llu engines stopped, "
      "%llu faults tolerated; %llu violations\n",
      static_cast<unsigned long long>(s.seed), n(all.runs), n(all.k_max), n(all.refused),
      n(all.halted), n(all.tolerated), n(all.violations));
  return failed || all.violations > 0 ? 1 : 0;
}

template <class Enum, std::size_t Count>
Enum parse(const Enum (&all)[Count], const std::string& text) {
  for (const auto e : all) {
    if (to_string(e) == text) return e;
  }
  std::fprintf(stderr, "unknown: %s\n", text.c_str());
  std::exit(2);
}

}  // namespace
}  // namespace tenax::faults

int main(int argc, char** argv) {
  using namespace tenax::faults;
  settings s;
  for (int i = 1; i < argc; ++i) {
    const std::string option = argv[i];
    if (option == "--every") {
      s.every = true;
      continue;
    }
    if (option == "--and-later") {
      if (!s.only) s.only.emplace();
      s.only->and_later = true;
      continue;
    }
    const std::string value = ++i < argc ? argv[i] : "";
    if (option == "--seed") {
      s.seed = std::stoull(value);
    } else if (option == "--jobs") {
      s.jobs = std::stoull(value);
    } else if (option == "--dir") {
      s.dir = value;
    } else if (option == "--operation" || option == "--failure" || option == "--kth") {
      if (!s.only) s.only.emplace();
      if (option == "--operation") s.only->which = parse(all_operations, value);
      if (option == "--failure") s.only->how = parse(all_failures, value);
      if (option == "--kth") s.only->kth = std::stoull(value);
    } else {
      std::fprintf(stderr, "unknown option %s\n", option.c_str());
      return 2;
    }
  }
  return run(s);
}
