#include "node/spin.hpp"

#include <nlohmann/json.hpp>

#include <ctime>
#include <string>
#include <vector>

#include "node/hash.hpp"
#include "tenax/plain_numbers.hpp"

namespace tenax::node {

namespace {

constexpr double seconds_max = 86'400;

struct spin_input {
  double seconds = 0;
  std::vector<fault> faults;
};

spin_input read_spin(std::string_view input) {
  const plain_numbers no_locale;
  const auto doc = nlohmann::json::parse(input, nullptr, false);
  if (!doc.is_object()) return {0, {{"", "must be a JSON object"}}};
  spin_input out;
  for (const auto& item : doc.items())
    if (item.key() != "seconds")
      out.faults.push_back({"/" + item.key(), "is not a field of this action"});
  const auto it = doc.find("seconds");
  if (it == doc.end()) {
    out.faults.push_back({"/seconds", "is required"});
  } else if (!it->is_number()) {
    out.faults.push_back({"/seconds", "must be a number"});
  } else if (out.seconds = it->get<double>(); !(out.seconds >= 0 && out.seconds <= seconds_max)) {
    out.faults.push_back({"/seconds", "must be in 0..86400, it is " + it->dump()});
  }
  return out;
}

/// Of this thread: a machine that is busy makes the work last longer, not become less.
double cpu_seconds() noexcept {
  timespec t{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

outcome run_spin(const action_context& ctx) {
  const auto in = read_spin(ctx.input);
  if (!in.faults.empty())
    return outcome::fatal("bad_input", in.faults[0].path + " " + in.faults[0].message);
  const double end = cpu_seconds() + in.seconds;
  std::uint64_t work = ctx.attempt;
  while (cpu_seconds() < end) {
    if (ctx.stop.stop_requested()) return outcome::failure("stopped", "the engine asked to stop");
    for (int i = 0; i < 1'000; ++i) work = stable_hash{}.add(work).value();  // some 10 us
  }
  volatile auto kept = work;  // else the compiler may drop the loop
  (void)kept;
  return outcome::success("null");
}

}  // namespace

void add_spin(handler_registry& registry) {
  action_options options;
  options.mode = run_mode::blocking;
  options.check = [](std::string_view input) { return read_spin(input).faults; };
  registry.add("spin", run_spin, std::move(options));
}

}  // namespace tenax::node
