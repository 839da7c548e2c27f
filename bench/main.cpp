// tenax-bench: measures tenax, and in the same run the limits of what it is built on.
#include <cstdio>
#include <cstring>
#include <fstream>
#include <functional>
#include <map>

#include <CLI/CLI.hpp>

#include "bench/figures.hpp"
#include "bench/harness.hpp"
#include "bench/machine.hpp"
#include "bench/plan.hpp"

namespace {

using namespace tenax::bench;

struct arguments {
  params p;
  std::size_t runs = 0;  ///< 0: what the subcommand takes by default
  std::string dir = ".";
  std::string json_file;
  bool in_process = false;
  bool full = false;
  bool no_limits = false;
};

void add_common(CLI::App& app, arguments& a) {
  app.add_option("--runs", a.runs, "runs of each scenario; the median is shown");
  app.add_option("--dir", a.dir, "where to make the databases: a directory on a real disk")
      ->check(CLI::ExistingDirectory);
  app.add_option("--json", a.json_file, "write everything there");
  app.add_option("--durability", a.p.durability, "sync or async")
      ->check(CLI::IsMember({"sync", "async"}));
  app.add_flag("--in-process", a.in_process, "no child process a run: for profilers");
}

void add_params(CLI::App& app, arguments& a) {
  add_common(app, a);
  app.add_option("--steps", a.p.steps, "actions of a sequential workflow");
  app.add_option("--fan", a.p.fan, "actions side by side");
  app.add_option("--concurrency", a.p.concurrency, "workflows in flight");
  app.add_option("--payload", a.p.payload_bytes, "bytes of each input and result");
  app.add_option("--workflows", a.p.workflows, "how many, where a scenario counts");
  app.add_option("--seconds", a.p.seconds, "measured");
  app.add_option("--warmup", a.p.warmup_seconds, "seconds before");
  app.add_option("--limit-seconds", a.p.limit_seconds, "for each limit");
  app.add_option("--rate", a.p.rate, "workflows a second (open loop)");
  app.add_option("--fail-share", a.p.fail_share, "of attempts");
  app.add_option("--spread", a.p.spread_seconds, "seconds over which sleepers wake");
  app.add_option("--quiet", a.p.quiet_seconds, "seconds of quiet before memory is read");
  app.add_option("--allow", a.p.allow_seconds,
                 "seconds for making sleepers before the first wakes; 0: by their number");
  app.add_option("--queries", a.p.queries_per_second, "a second, for mixed");
  app.add_option("--handlers", a.p.handlers, "in_place or blocking");
  app.add_option("--submit-from", a.p.submit_from, "callback or thread");
  app.add_option("--scheduler-threads", a.p.scheduler_threads, "0: the engine's default");
  app.add_option("--active-max", a.p.active_max, "workflows in memory; 0: the engine's default");
  app.add_option("--cache-mib", a.p.cache_mib, "block cache");
  app.add_option("--write-buffer-mib", a.p.write_buffer_mib, "memtables");
  app.add_flag("--no-limits", a.no_limits, "only the engine");
}

void warn_of_memory_disk(const std::string& dir) {
  const auto type = filesystem_of(dir);
  if (type == "tmpfs" || type == "ramfs" || type == "overlay") {
    std::fprintf(stderr,
                 "warning: %s is on %s, where fdatasync says nothing about a disk; use --dir\n",
                 dir.c_str(), type.c_str());
  }
}

using figures_of = std::vector<figure> (*)(const std::vector<row>&);

/// `make_figures` may be null.
int measure_all(const arguments& a, const std::vector<plan_entry>& plan, figures_of make_figures) {
  warn_of_memory_disk(a.dir);
  const auto machine = describe_machine(a.dir);
  std::printf("%s, %u cores, %s on %s, commit %s\n",
              machine["cpu_model"].get<std::string>().c_str(), machine["cores"].get<unsigned>(),
              machine["disk"]["filesystem"].get<std::string>().c_str(),
              machine["disk"]["device"].get<std::string>().c_str(),
              machine["git_commit"].get<std::string>().c_str());
  json results = json::array();
  std::vector<row> rows;
  const auto save = [&](const json& figures) {
    if (a.json_file.empty()) return;
    json document = {{"machine", machine}, {"results", results}};
    if (!figures.is_null()) document["figures"] = figures;
    std::ofstream(a.json_file) << document.dump(1) << "\n";
  };
  bool failed = false;
  for (const auto& entry : plan) {
    const std::size_t runs = entry.once ? 1 : a.runs > 0 ? a.runs : entry.runs;
    rows.push_back(measure(entry.p, runs, a.dir, a.in_process));
    print_row(rows.back());
    failed = failed || !rows.back().failure.empty();
    results.push_back(to_json(rows.back()));
    save(nullptr);  // a run that is cut short leaves what it has
  }
  if (make_figures != nullptr) {
    const auto figures = make_figures(rows);
    print_figures(figures);
    save(figures_json(figures));
    for (const auto& f : figures) failed = failed || !f.passed || !f.doubt.empty();
  }
  return failed ? 1 : 0;
}

/// Runs the argument's own subcommand.
int run_program(int argc, char** argv) {
  CLI::App app("Measures tenax and the limits of what it is built on.", "tenax-bench");
  app.require_subcommand(1);
  arguments a;
  int code = 0;
  for (const auto& s : scenarios()) {
    if (s.hidden) continue;
    auto* sub = app.add_subcommand(s.name, s.what);
    add_params(*sub, a);
    sub->preparse_callback([&a, name = std::string(s.name)](std::size_t) {
      const auto durability = a.p.durability;
      a.p = defaults_of(name);
      a.p.durability = durability;
    });
    sub->callback([&a, &code] {
      a.p.limits = !a.no_limits;
      code = measure_all(a, {{a.p, 5}}, nullptr);
    });
  }
  auto* all = app.add_subcommand("all", "every scenario");
  add_common(*all, a);
  bool quick = false;
  auto* quick_flag = all->add_flag("--quick", quick, "small sizes, 1 run: minutes (default)");
  all->add_flag("--full", a.full, "real sizes, 5 runs: hours")->excludes(quick_flag);
  all->callback([&] { code = measure_all(a, plan_all(a.full, a.p.durability), nullptr); });
  auto* check =
      app.add_subcommand("check", "the figures that tenax promises, each against its limit");
  add_common(*check, a);
  check->add_flag("--quick", quick, "small sizes, 1 run: shows that it works, proves nothing");
  check->add_option("--allow", a.p.allow_seconds,
                    "seconds for making a million sleepers; 0: by their number");
  check->callback([&] {
    auto plan = plan_check(!quick, a.p.durability);
    for (auto& entry : plan) entry.p.allow_seconds = a.p.allow_seconds;
    code = measure_all(a, plan, check_figures);
  });
  auto* bounds =
      app.add_subcommand("bounds", "what stays bounded whatever waits, each against its limit");
  add_common(*bounds, a);
  bounds->add_flag("--quick", quick, "small sizes, 1 run: shows that it works, proves nothing");
  bounds->callback(
      [&] { code = measure_all(a, plan_bounds(!quick, a.p.durability), bounds_figures); });
  CLI11_PARSE(app, argc, argv);
  return code;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc == 4 && std::strcmp(argv[1], "child") == 0) child_main(argv[2], argv[3]);
    return run_program(argc, argv);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "tenax-bench: %s\n", e.what());
    return 2;
  }
}
