// power_loss_main.cpp - cuts the power of a whole engine again and again. What was acknowledged
// must be there after each cut, and the rest must be consistent.
//   power_loss_main [--cuts N] [--seed S] [--jobs J] [--world W] [--dir D] [--async] [--exhaustive]
// A world is one data directory with up to 20 lives; each life runs in a forked child that leaves
// with _exit at its cut. --world W repeats one world only. --async opens the engine with
// durability::async: then losses are expected, and finding none is the failure (the self-test).
// --exhaustive: instead of random cuts, one small run is cut at its first operation, its second,
// and so on until it passes untouched, with each kind of loss; a world is one such cut.
#include <rocksdb/env.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <string>

#include "tests/fault/engine_life.hpp"
#include "tests/fault/power_loss_fs.hpp"
#include "tests/support/processes.hpp"

namespace tenax::faults {

namespace {

struct settings {
  std::uint64_t cuts = 1'500;
  std::uint64_t seed = 1;
  std::uint64_t jobs = 2;
  std::optional<std::uint64_t> world;
  std::string dir;
  bool async = false;
  bool exhaustive = false;
};

/// Shared by all processes.
struct counters {
  std::atomic<std::uint64_t> cuts;
  std::atomic<std::uint64_t> worlds;
  std::atomic<std::uint64_t> worlds_begun;
  std::atomic<std::uint64_t> acked;
  std::atomic<std::uint64_t> bytes_lost;
  std::atomic<std::uint64_t> names_undone;
  std::atomic<std::uint64_t> flips;
  std::atomic<std::uint64_t> refused;  ///< opens refused after a flipped byte
  std::atomic<std::uint64_t> clean_ends;
  std::atomic<std::uint64_t> violations;
  std::atomic<std::uint64_t> k_max;
};

/// What the next life must know of the last one.
struct world_memory {
  shared_ledger ledger;
  std::atomic<bool> flipped;  ///< a byte was flipped: the next open may be refused
  std::atomic<bool> refused;
  std::atomic<bool> was_cut;  ///< the last life did not reach its end
};

/// How a life ends.
struct life_plan {
  unsigned number = 0;
  std::uint64_t seed = 0;
  std::optional<std::uint64_t> cut_at;  ///< nothing: runs until every workflow has ended
  std::optional<loss> mode;             ///< nothing: any
  bool closes = false;                  ///< the engine is closed before the cut
};

constexpr unsigned lives_max = 20;
constexpr unsigned life_timeout_s = 60;

class world {
 public:
  world(const settings& s, counters& all, world_memory& memory, std::uint64_t number)
      : s_(s), all_(all), memory_(memory), number_(number), dir_("tenax-power", s.dir) {
    memory_.ledger.clear();
    memory_.flipped = false;
    memory_.refused = false;
  }

  void run() {
    workload::random_numbers r(s_.seed * 7'919 + number_);
    const auto lives = static_cast<unsigned>(r.between(5, lives_max));
    for (unsigned life = 0; life < lives && good(); ++life) {
      // A third of the cuts hit the opening, the others the work.
      const auto cut_at = r.chance(33) ? r.between(1, 60) : r.between(20, 600);
      run_life({life, r.next(), cut_at, {}, r.chance(10)});
    }
    finish_all(lives, r.next());
  }

  /// False: the run was over before its k-th operation.
  bool run_small(std::uint64_t k, loss mode) {
    run_life({0, s_.seed, k, mode, true});
    const bool was_cut = memory_.was_cut;
    finish_all(1, s_.seed);
    return was_cut;
  }

 private:
  [[nodiscard]] bool good() const { return all_.violations == 0 && !memory_.refused; }

  void run_life(const life_plan& plan) {
    const auto end = support::run_forked([&] { return live(plan); }, life_timeout_s);
    if (!end.ok()) {
      violated("life " + std::to_string(plan.number) + ": " + end.to_string());
    } else if (!memory_.refused && plan.cut_at) {
      ++all_.cuts;
    }
  }

  /// A life without a cut, and a look at what it leaves behind.
  void finish_all(unsigned number, std::uint64_t seed) {
    if (good()) run_life({number, seed, {}, {}, true});
    if (good()) {
      const auto look = support::run_forked([&] { return look_back(number + 1); }, life_timeout_s);
      if (!look.ok()) violated("after the last life: " + look.to_string());
    }
    all_.acked += memory_.ledger.acked();
    ++all_.worlds;
  }

  void violated(const std::string& what) {
    ++all_.violations;
    dir_.keep();
    std::fprintf(stderr,
                 "VIOLATION in world %llu: %s\n  data: %s\n  repeat: power_loss_main --seed %llu "
                 "--world %llu%s\n",
                 static_cast<unsigned long long>(number_), what.c_str(), dir_.path().c_str(),
                 static_cast<unsigned long long>(s_.seed), static_cast<unsigned long long>(number_),
                 s_.async        ? " --async"
                 : s_.exhaustive ? " --exhaustive"
                                 : "");
  }

  std::uint64_t workload_seed() const { return s_.exhaustive ? s_.seed : s_.seed + number_; }
  std::string data_dir() const { return (dir_.path() / "data").string(); }

  /// What the last cut left behind, seen by the reader and by verify. 0: as it must be.
  int look_back(unsigned life) {
    const bool may_refuse = memory_.flipped.exchange(false);
    const auto violations = check(memory_.ledger, workload_seed(), data_dir());
    if (violations.empty()) return 0;
    // After a flipped byte the database may say that it is corrupt; it may not say anything else.
    if (may_refuse && violations.size() == 1 && violations[0].starts_with("verify: corrupt")) {
      ++all_.refused;
      memory_.refused = true;
      return 0;
    }
    for (const auto& v : violations) {
      std::fprintf(stderr, "VIOLATION before life %u: %s\n", life, v.c_str());
    }
    return 1;
  }

  /// In a child.
  int live(const life_plan& plan) {
    if (plan.number > 0) {
      const int bad = look_back(plan.number);
      if (bad != 0 || memory_.refused) return bad;
    }
    workload::random_numbers r(plan.seed);
    auto fs = std::make_shared<power_loss_fs>(rocksdb::FileSystem::Default(), r.next());
    const auto env = rocksdb::NewCompositeEnv(fs);
    auto one = std::make_unique<engine_life>(memory_.ledger, options(env.get(), r.next(), plan));
    fs->cut_at(plan.cut_at.value_or(0));
    const auto opened = one->open();
    if (!opened && !fs->is_cut()) {
      std::fprintf(stderr, "VIOLATION: life %u does not open: %s\n", plan.number,
                   opened.error().to_string().c_str());
      return 1;
    }
    int bad = 0;
    if (opened && plan.cut_at) work(*one, *fs, plan.closes);
    if (opened && !plan.cut_at) bad = finish(*one);
    memory_.was_cut = fs->is_cut();
    fs->cut();
    const auto damage = fs->apply(plan.mode.value_or(static_cast<loss>(r.below(losses))));
    all_.bytes_lost += damage.bytes_lost;
    all_.names_undone += damage.names_undone;
    all_.flips += damage.flipped ? 1 : 0;
    memory_.flipped = damage.flipped;
    // Never destroyed: this machine has no power.
    (void)one.release();
    (void)new auto(env.get());
    std::fflush(nullptr);
    ::_exit(bad + static_cast<int>(memory_.ledger.broken > 0));
  }

  life_options options(rocksdb::Env* env, std::uint64_t seed, const life_plan& plan) const {
    life_options o;
    o.data_dir = data_dir();
    o.workload_seed = workload_seed();
    o.life_seed = seed;
    o.keeps_ends = s_.exhaustive ? plan.mode == loss::nothing : seed % 2 == 0;
    o.env = env;
    // Every third world flushes and compacts all the time.
    if (number_ % 3 == 0) o.write_buffer_bytes = 64u << 10;
    if (s_.async) o.durability = durability::async;
    if (s_.exhaustive) o.workflows = 4;
    return o;
  }

  void work(engine_life& one, power_loss_fs& fs, bool closes) {
    const unsigned ticks_max = closes && !s_.exhaustive ? 40 : 600;
    for (unsigned tick = 0; tick < ticks_max && !fs.wait_for_cut(2); ++tick) {
      one.tick();
      if (s_.exhaustive && memory_.ledger.next == 4 && one.open_workflows() == 0) break;
    }
    if (!closes || fs.is_cut()) return;
    one.close();
    all_.clean_ends += fs.is_cut() ? 0 : 1;
  }

  /// I11: without faults, every open workflow ends.
  int finish(engine_life& one) {
    constexpr unsigned rounds_max = 1'500;
    for (unsigned round = 0; one.open_workflows() > 0; ++round) {
      if (round == rounds_max) {
        std::fprintf(stderr, "VIOLATION I11: %u workflows do not end\n", one.open_workflows());
        return 1;
      }
      one.decide();
      workload::take_ms(20);
    }
    one.close();
    return 0;
  }

  const settings& s_;
  counters& all_;
  world_memory& memory_;
  const std::uint64_t number_;
  support::temporary_directory dir_;
};

/// Cuts number + 1, number + 1 + jobs, ... until the run passes untouched.
void run_small_ones(const settings& s, counters& all, std::uint64_t number, world_memory& memory) {
  for (const auto mode : {loss::clean, loss::torn, loss::garbage, loss::nothing}) {
    for (std::uint64_t k = number + 1; all.violations == 0; k += s.jobs) {
      if (!world(s, all, memory, k).run_small(k, mode)) break;
      if (all.k_max < k) all.k_max = k;
    }
  }
}

/// Worlds number, number + jobs, ... until there were enough cuts.
int run_job(const settings& s, counters& all, std::uint64_t number) {
  auto& memory = support::make_shared_memory<world_memory>();
  if (s.exhaustive) {
    run_small_ones(s, all, number, memory);
    return 0;
  }
  for (; all.cuts < s.cuts && all.violations == 0; number += s.jobs) {
    world(s, all, memory, s.world.value_or(number)).run();
    if (s.world) break;
  }
  return 0;
}

int run(const settings& s) {
  auto& all = support::make_shared_memory<counters>();
  std::vector<pid_t> jobs;
  for (std::uint64_t job = 0; job < (s.world ? 1 : s.jobs); ++job) {
    jobs.push_back(support::fork_child([&, job] { return run_job(s, all, job); }));
  }
  bool failed = false;
  for (const pid_t job : jobs) failed = !support::wait_for(job, 3'600).ok() || failed;
  const auto number = [](const auto& n) { return static_cast<unsigned long long>(n.load()); };
  if (s.async) std::printf("self-test, no syncs: ");
  std::printf(
      "power loss: seed %llu, %llu cuts in %llu worlds; %llu acknowledged submits checked; lost: "
      "%llu bytes, %llu names; %llu flipped bytes, %llu opens refused; %llu clean ends; %llu "
      "violations\n",
      static_cast<unsigned long long>(s.seed), number(all.cuts), number(all.worlds),
      number(all.acked), number(all.bytes_lost), number(all.names_undone), number(all.flips),
      number(all.refused), number(all.clean_ends), number(all.violations));
  if (s.exhaustive) std::printf("every operation up to the %lluth was cut\n", number(all.k_max));
  if (failed) return 1;
  if (s.async) {
    if (all.violations > 0) return 0;
    std::printf("SELF-TEST FAILED: without syncs nothing was lost\n");
    return 1;
  }
  return all.violations > 0 ? 1 : 0;
}

}  // namespace
}  // namespace tenax::faults

int main(int argc, char** argv) {
  tenax::faults::settings s;
  for (int i = 1; i < argc; ++i) {
    const std::string option = argv[i];
    const char* value = i + 1 < argc ? argv[i + 1] : "";
    if (option == "--async" || option == "--exhaustive") {
      (option == "--async" ? s.async : s.exhaustive) = true;
      continue;
    }
    ++i;
    if (option == "--cuts") {
      s.cuts = std::strtoull(value, nullptr, 10);
    } else if (option == "--seed") {
      s.seed = std::strtoull(value, nullptr, 10);
    } else if (option == "--jobs") {
      s.jobs = std::strtoull(value, nullptr, 10);
    } else if (option == "--world") {
      s.world = std::strtoull(value, nullptr, 10);
    } else if (option == "--dir") {
      s.dir = value;
    } else {
      std::fprintf(stderr, "unknown option %s\n", option.c_str());
      return 2;
    }
  }
  return tenax::faults::run(s);
}
