// Runs simulated worlds: sim_main [--worlds N] [--seed S] [--seeds FILE] [--slow]
// [--read-faults] [--repeat-check N] [--plant K] [--trace]. A failing seed is printed with the
// command that repeats it; exit code 1 then. --seeds: those in the file, one a line, instead of N
// from S on.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <unistd.h>
#include <vector>

#include <chrono>

#include "model/failpoint.hpp"
#include "tests/sim/world.hpp"

using tenax::sim::run_world;
using tenax::sim::world_options;
using tenax::sim::world_result;

namespace {

struct arguments {
  std::uint64_t worlds = 1'000;
  std::uint64_t seed = 1;
  std::string seeds_file;
  std::uint64_t repeat_check = 0;
  int plant = 0;
  bool slow = false;
  bool read_faults = false;
  bool trace = false;
};

/// For the signal handler: a broken assertion must name the seed too.
char command_now[200];

void remember(const arguments& a, std::uint64_t seed) {
  std::string text = "repeat with: sim_main --worlds 1 --seed " + std::to_string(seed);
  if (a.slow) text += " --slow";
  if (a.read_faults) text += " --read-faults";
  if (a.plant != 0) text += " --plant " + std::to_string(a.plant);
  text += "\n";
  std::strncpy(command_now, text.c_str(), sizeof command_now - 1);
}

extern "C" void on_abort(int) {
  (void)!::write(STDERR_FILENO, command_now, std::strlen(command_now));
}

int usage() {
  std::fputs(
      "sim_main [--worlds N] [--seed S] [--seeds FILE] [--slow] [--read-faults] "
      "[--repeat-check N] [--plant K] [--trace]\n",
      stderr);
  return 2;
}

bool parse(int argc, char** argv, arguments& a) {
  for (int n = 1; n < argc; ++n) {
    const std::string name = argv[n];
    if (name == "--slow") {
      a.slow = true;
      continue;
    }
    if (name == "--read-faults") {
      a.read_faults = true;
      continue;
    }
    if (name == "--trace") {
      a.trace = true;
      continue;
    }
    if (++n >= argc) return false;
    const auto value = std::strtoull(argv[n], nullptr, 10);
    if (name == "--worlds") {
      a.worlds = value;
    } else if (name == "--seed") {
      a.seed = value;
    } else if (name == "--seeds") {
      a.seeds_file = argv[n];
    } else if (name == "--repeat-check") {
      a.repeat_check = value;
    } else if (name == "--plant") {
      a.plant = static_cast<int>(value);
    } else {
      return false;
    }
  }
  return true;
}

/// A number at the start of a line; the rest of it is a remark.
bool read_seeds(const std::string& file, std::vector<std::uint64_t>& out) {
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    if (line.empty() || line.front() == '#') continue;
    out.push_back(std::strtoull(line.c_str(), nullptr, 10));
  }
  return !out.empty();
}

}  // namespace

int main(int argc, char** argv) {
  arguments a;
  if (!parse(argc, argv, a)) return usage();
  std::vector<std::uint64_t> seeds;
  if (!a.seeds_file.empty()) {
    if (!read_seeds(a.seeds_file, seeds)) {
      std::fprintf(stderr, "sim_main: no seeds in %s\n", a.seeds_file.c_str());
      return 2;
    }
    a.worlds = seeds.size();
    a.seed = seeds.front();
  }
  std::signal(SIGABRT, on_abort);
  if (a.plant != 0) tenax::model::plant_bug(a.plant);
  const auto begun = std::chrono::steady_clock::now();
  world_result sum;
  std::uint64_t ran = 0;
  int failed = 0;
  for (std::uint64_t n = 0; n < a.worlds; ++n) {
    world_options how;
    how.seed = seeds.empty() ? a.seed + n : seeds[n];
    how.slow = a.slow;
    how.read_faults = a.read_faults;
    if (a.trace) how.on_step = [](const std::string& step) { std::puts(step.c_str()); };
    remember(a, how.seed);
    const auto r = run_world(how);
    ++ran;
    sum.steps += r.steps;
    sum.lives += r.lives;
    sum.crashes += r.crashes;
    sum.failed_commits += r.failed_commits;
    sum.failed_reads += r.failed_reads;
    sum.moves += r.moves;
    sum.workflows += r.workflows;
    sum.starts += r.starts;
    sum.tasks += r.tasks;
    sum.changes += r.changes;
    sum.explained += r.explained;
    sum.trace = sum.trace * 31 + r.trace;
    if (!r.failure.empty()) {
      ++failed;
      std::printf("seed %llu: %s\n%s", static_cast<unsigned long long>(how.seed), r.failure.c_str(),
                  command_now);
      if (a.plant != 0 || failed >= 10) break;
    }
    if (n < a.repeat_check && run_world(how).trace != r.trace) {
      ++failed;
      std::printf("seed %llu: two runs, two traces\n%s", static_cast<unsigned long long>(how.seed),
                  command_now);
    }
  }
  if (a.plant != 0)
    std::printf("planted bug %d: %s; ", a.plant, failed > 0 ? "caught" : "NOT CAUGHT");
  const double s = std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
  std::printf(
      "%llu worlds from seed %llu: %llu steps, %llu lives, %llu crashes, %llu failed commits, %llu "
      "failed reads, %llu moves, %llu workflows, %llu handler starts, %llu tasks, %llu changes, "
      "%llu explained; "
      "trace "
      "%016llx; "
      "%.1f s, %.0f worlds/s\n",
      static_cast<unsigned long long>(ran), static_cast<unsigned long long>(a.seed),
      static_cast<unsigned long long>(sum.steps), static_cast<unsigned long long>(sum.lives),
      static_cast<unsigned long long>(sum.crashes),
      static_cast<unsigned long long>(sum.failed_commits),
      static_cast<unsigned long long>(sum.failed_reads), static_cast<unsigned long long>(sum.moves),
      static_cast<unsigned long long>(sum.workflows), static_cast<unsigned long long>(sum.starts),
      static_cast<unsigned long long>(sum.tasks), static_cast<unsigned long long>(sum.changes),
      static_cast<unsigned long long>(sum.explained), static_cast<unsigned long long>(sum.trace), s,
      static_cast<double>(ran) / s);
  std::fflush(stdout);
  return failed == 0 ? 0 : 1;
}
