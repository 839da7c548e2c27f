// crash_driver_main.cpp - kills the target again and again, at random moments and at every fail
// point, and compares what it promised with what is there.
// The default directory is in memory if there is one: a killed process's page cache survives, so no
// disk is needed.
//   crash_driver_main [--kills N] [--seed S] [--jobs J] [--round R] [--dir D] [--target PROGRAM]
//                     [--plant K]
// --plant K: the target has planted bug K; finding nothing is the failure.
// A round is one data directory: 20 to 60 lives, then one without faults in which every workflow
// must end. --round R repeats one round only (its plan, not the exact interleaving).
#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>
#include <string>

#include "tests/crash/fail_points.hpp"
#include "tests/crash/ledger.hpp"
#include "tests/crash/outside_check.hpp"
#include "tests/crash/protocol.hpp"
#include "tests/crash/target_process.hpp"
#include "tests/support/workload.hpp"

namespace tenax::crash {

namespace {

struct settings {
  std::uint64_t kills = 1'000;
  std::uint64_t seed = 1;
  std::uint64_t jobs = 2;
  std::optional<std::uint64_t> round;
  std::string plant;
  std::string dir;
  std::filesystem::path target;
};

/// Shared by all jobs.
struct counters {
  std::atomic<std::uint64_t> kills;
  std::atomic<std::uint64_t> at_fail_points;
  std::atomic<std::uint64_t> in_recovery;  ///< before the engine was open
  std::atomic<std::uint64_t> stops;
  std::atomic<std::uint64_t> closes;
  std::atomic<std::uint64_t> commit_errors;
  std::atomic<std::uint64_t> rounds;
  std::atomic<std::uint64_t> workflows;
  std::atomic<std::uint64_t> violations;
  std::array<std::atomic<std::uint64_t>, std::size(fail_points)> killed_at;
};

constexpr unsigned end_timeout_s = 60;
constexpr std::uint32_t open_max = 60;
constexpr std::uint32_t workflows_max = 1'500;

enum class ending : std::uint8_t { kill, close };
struct life_plan {
  std::uint64_t lasts_ms = 100;
  ending how = ending::kill;
  std::optional<std::size_t> fail_point;  ///< that kills it
  std::string fail;                       ///< TENAX_FAIL
  bool while_opening = false;  ///< its time runs from the start, not from when the engine is open
  std::uint64_t stop_ms = 0;   ///< SIGSTOP for so long, before its end
};

class round_of_lives {
 public:
  round_of_lives(const settings& s, counters& all, std::uint64_t number,
                 const std::filesystem::path& failpoint_log)
      : s_(s),
        all_(all),
        number_(number),
        dir_("tenax-crash", s.dir),
        random_(s.seed * 104'729 + number),
        known_(s.seed + number) {
    target_.program = s.target;
    target_.data_dir = dir_.path() / "data";
    target_.lock_file = dir_.path() / "locks";
    target_.handler_log = dir_.path() / "handlers";
    target_.errors = dir_.path() / "stderr";
    target_.failpoints = failpoint_log;
    target_.workload_seed = known_.seed();
    target_.plant = s.plant;
    std::ofstream(target_.lock_file).flush();
    evidence_.data_dir = target_.data_dir;
    evidence_.handler_log = target_.handler_log;
  }

  void run() {
    const auto lives = random_.between(20, 60);
    for (std::uint64_t life = 0; life < lives && good_; ++life) {
      live(plan());
      if (good_ && life % 8 == 7) judge(check_store(known_, evidence_));
    }
    if (good_) finish();
    if (good_) {
      judge(check_store(known_, evidence_));
      judge(check_handler_log(known_, evidence_));
      judge(check_end(known_, evidence_));
    }
    ++all_.rounds;
    all_.workflows += known_.workflows().size();
  }

 private:
  /// Counts kills at fail points so that each gets its share, whichever job comes first.
  life_plan plan() {
    life_plan p;
    const auto roll = random_.below(100);
    // Most lives are short: what happens just after the start is what recovery is about.
    const std::uint64_t most = random_.chance(30) ? 480 : 180;
    p.lasts_ms = 20 + random_.below(most);
    if (roll < 50) {
      p.fail_point = random_.below(std::size(fail_points));
      p.lasts_ms = 400;
      p.fail = std::string(fail_points[*p.fail_point]) + ":" +
               std::to_string(random_.chance(50) ? 1 : random_.between(2, 12)) + ":kill";
    } else if (roll < 60) {
      p.lasts_ms = random_.between(2, 80);
      p.while_opening = true;
    } else if (roll < 65) {
      p.how = ending::close;
    } else if (roll < 68) {
      p.stop_ms = random_.between(100, 400);
    } else if (roll < 72) {
      p.fail = std::string("journal.") + (random_.chance(50) ? "before" : "after") +
               "_write:" + std::to_string(random_.between(1, 40)) + ":error";
      p.lasts_ms = 300;
    }
    if (random_.chance(10)) {
      p.fail += (p.fail.empty() ? "" : ",") +
                std::string(fail_points[random_.below(std::size(fail_points))]) + ":" +
                std::to_string(random_.between(1, 6)) + ":sleep";
    }
    return p;
  }

  void live(const life_plan& p) {
    known_.begin_life();
    target_process target(target_, p.fail);
    evidence_.lives[target.pid()] = {known_.life(), 0};
    repeat_what_is_in_flight(target);
    if (!p.while_opening) wait_until_ready(target);
    run_until(target, boottime_ns() + p.lasts_ms * 1'000'000);
    if (p.stop_ms > 0 && !target.silent()) {
      target.signal(SIGSTOP);
      workload::take_ms(p.stop_ms);
      ++all_.stops;
      if (random_.chance(50)) {
        target.signal(SIGCONT);
        run_until(target, boottime_ns() + 30'000'000);
      }
    }
    end_life(target, p);
  }

  void end_life(target_process& target, const life_plan& p) {
    const bool was_ready = known_.ready();
    const bool by_itself = target.silent();
    if (!by_itself) target.signal(p.how == ending::close && was_ready ? SIGTERM : SIGKILL);
    while (!target.silent()) take_answers(target, 1'000);
    const auto end = target.wait(end_timeout_s);
    evidence_.lives[target.pid()].halted_ns = known_.halted_ns();
    all_.commit_errors += known_.halted_ns() != 0 ? 1 : 0;
    const bool killed = !end.exited && end.code == SIGKILL && !end.timed_out;
    if (killed) {
      ++all_.kills;
      all_.in_recovery += was_ready ? 0 : 1;
      if (by_itself) {
        ++all_.at_fail_points;
        if (p.fail_point) ++all_.killed_at[*p.fail_point];
      }
    }
    const bool closed = p.how == ending::close && end.ok();
    all_.closes += closed ? 1 : 0;
    const bool expected = by_itself ? killed && p.fail_point : killed || closed;
    if (!expected) known_.violated("process", 0, "the target ended with " + end.to_string());
    judge(known_.violations());
  }

  void run_until(target_process& target, std::uint64_t deadline_ns) {
    while (boottime_ns() < deadline_ns && !target.silent()) {
      // Before the engine is open, commands would only wait in the pipe.
      if (known_.ready()) send_some(target);
      take_answers(target, 2);
    }
  }

  void wait_until_ready(target_process& target) {
    const auto deadline = boottime_ns() + std::uint64_t{end_timeout_s} * 1'000'000'000;
    while (!known_.ready() && !target.silent() && boottime_ns() < deadline) {
      take_answers(target, 100);
    }
    if (!known_.ready() && !target.silent()) {
      known_.violated("process", 0, "the engine does not open in time");
    }
  }

  void send(target_process& target, const std::string& command) {
    if (target.send(command + "\n")) known_.sent(command);
  }
  void take_answers(target_process& target, int timeout_ms) {
    for (const auto& line : target.receive(timeout_ms)) known_.answered(line);
  }

  /// Half of what nobody knows is asked for again: it must come out the same.
  void repeat_what_is_in_flight(target_process& target) {
    for (std::uint32_t n = 0; n < known_.workflows().size(); ++n) {
      const auto& w = known_.workflows()[n];
      if (w.submit == mark::in_flight && random_.chance(50)) {
        send(target, "submit " + std::to_string(n));
      }
      if (w.submit == mark::in_flight && random_.chance(50))
        send(target, "get " + std::to_string(n));
    }
  }

  void send_some(target_process& target) {
    if (known_.open() < open_max && known_.workflows().size() < workflows_max) {
      for (auto more = random_.below(3); more > 0; --more) {
        send(target, "submit " + std::to_string(known_.add()));
      }
    }
    if (known_.workflows().empty()) return;
    const auto any = static_cast<std::uint32_t>(random_.below(known_.workflows().size()));
    const auto& w = known_.workflows()[any];
    const std::string id = std::to_string(any);
    const auto roll = random_.below(100);
    if (roll < 60) {
      send(target, "get " + id);
    } else if (roll < 68 && w.must_exist()) {
      send(target, "cancel " + id);
    } else if (roll < 72 && w.must_exist()) {
      send(target, "other " + id);
    } else if (roll < 80) {
      send(target, "submit " + id);
    }
    if (random_.chance(1)) (void)target.send("backup\n");
    decide(target, any);
  }

  void decide(target_process& target, std::uint32_t n) {
    static constexpr const char* decisions[] = {"retry", "skip", "complete", "fail"};
    auto& w = known_.workflows()[n];
    for (std::size_t a = 0; a < w.actions.size() && !w.terminal; ++a) {
      if (!w.actions[a].waits) continue;
      w.actions[a].waits = false;
      send(target, "resolve " + std::to_string(n) + " a" + std::to_string(a) + " " +
                       decisions[random_.below(std::size(decisions))]);
    }
  }

  /// I11: without faults, everything ends.
  void finish() {
    known_.begin_life();
    target_process target(target_, "");
    evidence_.lives[target.pid()] = {known_.life(), 0};
    for (std::uint32_t n = 0; n < known_.workflows().size(); ++n) {
      if (known_.workflows()[n].submit != mark::acked) send_surely(target, "submit", n);
    }
    const auto deadline = boottime_ns() + std::uint64_t{end_timeout_s} * 1'000'000'000;
    while (known_.open() > 0 && !target.silent() && boottime_ns() < deadline) {
      for (std::uint32_t n = 0; n < known_.workflows().size(); ++n) {
        if (known_.workflows()[n].terminal) continue;
        send_surely(target, "get", n);
        decide(target, n);
      }
      take_answers(target, 10);
    }
    if (known_.open() > 0) {
      for (std::uint32_t n = 0; n < known_.workflows().size(); ++n) {
        if (!known_.workflows()[n].terminal) known_.violated("I11", n, "it does not end");
      }
    }
    send(target, "close");
    while (!target.silent()) take_answers(target, 1'000);
    const auto end = target.wait(end_timeout_s);
    if (!end.ok()) known_.violated("process", 0, "after close: " + end.to_string());
    judge(known_.violations());
  }
  void send_surely(target_process& target, const std::string& what, std::uint32_t n) {
    const std::string command = what + " " + std::to_string(n);
    while (!target.silent() && !target.send(command + "\n")) take_answers(target, 1);
    known_.sent(command);
  }

  void judge(const std::vector<std::string>& violations) {
    if (violations.empty() || !good_) return;
    good_ = false;
    all_.violations += violations.size();
    if (s_.plant.empty()) dir_.keep();
    constexpr std::size_t shown_max = 20;
    std::string text;
    for (std::size_t i = 0; i < std::min(violations.size(), shown_max); ++i) {
      text += "VIOLATION " + violations[i] + "\n";
    }
    std::fprintf(stderr, "%s  (%zu in round %llu, life %u) data: %s\n", text.c_str(),
                 violations.size(), static_cast<unsigned long long>(number_), known_.life(),
                 dir_.path().c_str());
    std::fprintf(stderr, "  repeat: crash_driver_main --seed %llu --round %llu%s%s\n",
                 static_cast<unsigned long long>(s_.seed), static_cast<unsigned long long>(number_),
                 s_.plant.empty() ? "" : " --plant ", s_.plant.c_str());
  }

  const settings& s_;
  counters& all_;
  const std::uint64_t number_;
  support::temporary_directory dir_;
  workload::random_numbers random_;
  ledger known_;
  target_options target_;
  evidence evidence_;
  bool good_ = true;
};

std::set<std::string> read_names(const std::filesystem::path& file) {
  std::ifstream in(file);
  return {std::istream_iterator<std::string>(in), std::istream_iterator<std::string>()};
}

/// The table of fail points; false if one was never hit.
bool report_fail_points(const counters& all, const std::filesystem::path& log) {
  const auto hit = read_names(log);
  bool every = true;
  std::printf("fail points (kills there):");
  for (std::size_t i = 0; i < std::size(fail_points); ++i) {
    const bool was_hit = hit.contains(std::string(fail_points[i]));
    every = every && was_hit;
    std::printf(" %s%s (%llu)", std::string(fail_points[i]).c_str(), was_hit ? "" : " NEVER HIT",
                static_cast<unsigned long long>(all.killed_at[i].load()));
  }
  std::printf("\n");
  return every;
}

int run(const settings& s) {
  auto& all = support::make_shared_memory<counters>();
  const support::temporary_directory logs("tenax-crash-log", s.dir);
  const auto failpoint_log = logs.path() / "failpoints";
  std::vector<pid_t> jobs;
  for (std::uint64_t job = 0; job < (s.round ? 1 : s.jobs); ++job) {
    jobs.push_back(support::fork_child([&, job] {
      for (std::uint64_t number = job; all.kills < s.kills && all.violations == 0;
           number += s.jobs) {
        round_of_lives(s, all, s.round.value_or(number), failpoint_log).run();
        if (s.round) break;
      }
      return 0;
    }));
  }
  bool failed = false;
  for (const pid_t job : jobs) {
    const auto end = support::wait_for(job, 24 * 3'600);
    if (end.ok()) continue;
    failed = true;
    std::fprintf(stderr, "the driver itself: %s\n", end.to_string().c_str());
  }
  const auto n = [](const auto& x) { return static_cast<unsigned long long>(x.load()); };
  if (!s.plant.empty()) {
    std::printf("planted bug %s: %s; ", s.plant.c_str(),
                all.violations > 0 ? "caught" : "NOT CAUGHT");
  }
  std::printf(
      "kill -9: seed %llu, %llu kills (%llu at fail points, %llu before the engine was open) in "
      "%llu rounds; %llu workflows; %llu stops, %llu clean closes, %llu failed commits; %llu "
      "violations\n",
      static_cast<unsigned long long>(s.seed), n(all.kills), n(all.at_fail_points),
      n(all.in_recovery), n(all.rounds), n(all.workflows), n(all.stops), n(all.closes),
      n(all.commit_errors), n(all.violations));
  const bool every = report_fail_points(all, failpoint_log);
  if (!s.plant.empty()) return failed || all.violations == 0 ? 1 : 0;
  // A single round is too short to ask for every fail point.
  return failed || all.violations > 0 || (!every && !s.round && s.kills >= 500) ? 1 : 0;
}

}  // namespace
}  // namespace tenax::crash

int main(int argc, char** argv) {
  tenax::crash::settings s;
  if (const std::filesystem::path memory = "/dev/shm"; ::access(memory.c_str(), W_OK) == 0) {
    s.dir = memory.string();
  }
  std::signal(SIGPIPE, SIG_IGN);  // a target may die between a look and a write
  ::unsetenv("TENAX_PLANT");      // this process replays histories itself
  s.target = std::filesystem::canonical("/proc/self/exe").parent_path() / "crash_target_main";
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string option = argv[i];
    const char* value = argv[i + 1];
    if (option == "--kills") {
      s.kills = std::strtoull(value, nullptr, 10);
    } else if (option == "--seed") {
      s.seed = std::strtoull(value, nullptr, 10);
    } else if (option == "--jobs") {
      s.jobs = std::strtoull(value, nullptr, 10);
    } else if (option == "--round") {
      s.round = std::strtoull(value, nullptr, 10);
    } else if (option == "--dir") {
      s.dir = value;
    } else if (option == "--plant") {
      s.plant = value;
    } else if (option == "--target") {
      s.target = value;
    } else {
      std::fprintf(stderr, "unknown option %s\n", option.c_str());
      return 2;
    }
  }
  return tenax::crash::run(s);
}
