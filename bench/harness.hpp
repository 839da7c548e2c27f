// harness.hpp - what every scenario shares: its parameters, its result, its own process, and the
// statistics over several runs. Depends on std and nlohmann-json.
//
// Each run of a scenario is a fresh process (memory and caches of one run do not colour the next)
// in a fresh directory. A run gives numbers by name; names carry their unit.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "bench/histogram.hpp"
#include "tenax/options.hpp"

namespace tenax::bench {

using json = nlohmann::json;

/// What a run is told. Each scenario reads what it needs; all of it is printed with the results.
struct params {
  std::string scenario;
  std::string dir;                     ///< of this run, fresh
  std::string durability = "sync";     ///< sync | async
  std::string handlers = "in_place";   ///< in_place | blocking
  std::string submit_from = "thread";  ///< callback (on_finished) | thread
  std::size_t steps = 3;
  std::size_t fan = 1'000;
  std::size_t concurrency = 1'024;
  std::size_t payload_bytes = 100;
  std::size_t workflows = 100'000;
  double seconds = 5;
  double warmup_seconds = 1;
  double limit_seconds = 3;
  double rate = 0;        ///< workflows per second, open loop; 0: closed loop
  double fail_share = 0;  ///< of attempts
  double spread_seconds = 60;
  double quiet_seconds = 10;
  double allow_seconds = 0;  ///< for making sleepers, before the first wakes; 0: by their number
  double queries_per_second = 0;
  std::size_t scheduler_threads = 0;
  std::size_t active_max = 0;  ///< 0: the engine's default
  std::size_t cache_mib = 32;
  std::size_t write_buffer_mib = 64;
  bool limits = true;  ///< measure the limits too
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(params, scenario, dir, durability, handlers,
                                                submit_from, steps, fan, concurrency, payload_bytes,
                                                workflows, seconds, warmup_seconds, limit_seconds,
                                                rate, fail_share, spread_seconds, quiet_seconds,
                                                allow_seconds, queries_per_second,
                                                scheduler_threads, active_max, cache_mib,
                                                write_buffer_mib, limits)

/// Removes a directory, also while a database that is still open deletes files of its own there.
/// Throws what std::filesystem::remove_all throws, after some tries.
void remove_tree(const std::filesystem::path& dir);

/// Options of an engine as the parameters say: durability, caches, threads. No handlers.
[[nodiscard]] options engine_options(const params& p);

/// Numbers in the order they are printed; `series` is for the pictures only.
struct run_result {
  std::vector<std::pair<std::string, double>> numbers;
  json series = json::object();

  void set(std::string name, double value) { numbers.emplace_back(std::move(name), value); }
  /// 0 if absent.
  [[nodiscard]] double get(std::string_view name) const noexcept;
  /// PREFIX_p50_UNIT, p90, p99, p999, max; `scale` is nanoseconds a unit.
  void set_percentiles(const std::string& prefix, const histogram& h, const std::string& unit,
                       double scale);
};

/// A run that cannot give a number says why.
struct run_error : std::runtime_error {
  using std::runtime_error::runtime_error;
};
void require(bool holds, const std::string& what);

using scenario_function = run_result (*)(const params&);
struct scenario {
  const char* name;
  const char* what;  ///< one line for the help
  scenario_function run;
  bool hidden = false;  ///< a part of another one
};
[[nodiscard]] const std::vector<scenario>& scenarios();

/// The cores that other processes kept busy during a run: a number of every result. A thread that
/// waits for the disk then also waits for its turn on a core, a scheduler's slice of some
/// milliseconds, so limits and results are disturbed by different amounts.
inline constexpr const char* others_cpu = "others_cpu_cores";
/// Beyond this a run proves nothing.
inline constexpr double others_cpu_most = 0.15;

/// In this process.
[[nodiscard]] run_result run_here(const params& p);
/// In a fresh process; `p.dir` must exist. Throws run_error when it fails or takes too long.
[[nodiscard]] run_result run_in_child(const params& p, double timeout_seconds);
/// Another scenario with so many workflows, in a fresh process, on a directory of its own that is
/// removed at its end.
[[nodiscard]] run_result run_part(params p, const std::string& scenario, std::size_t workflows,
                                  double timeout_seconds);
/// The child's side: parameters in, result out, as JSON files. Ends the process.
[[noreturn]] void child_main(const std::string& params_file, const std::string& result_file);

struct spread {
  double median = 0;
  double least = 0;
  double most = 0;
};
[[nodiscard]] spread spread_of(std::vector<double> values);

/// One row of the report: a scenario with its parameters, over all runs.
struct row {
  params p;
  std::size_t runs = 0;
  std::vector<std::pair<std::string, spread>> numbers;
  std::vector<run_result> each;
  std::string failure;  ///< why there are no numbers
  [[nodiscard]] const spread* find(std::string_view name) const noexcept;
};
[[nodiscard]] row measure(params p, std::size_t runs, const std::filesystem::path& dir,
                          bool in_process);

void print_row(const row& r);
[[nodiscard]] json to_json(const row& r);

}  // namespace tenax::bench
