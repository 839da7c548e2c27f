#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>

#include "handlers/input.hpp"
#include "handlers/process.hpp"
#include "tenax/handler.hpp"
#include "tenax/limits.hpp"

namespace tenax::builtin {

namespace {

using json = nlohmann::json;
using end = process_result::end;

struct exec_input {
  std::vector<std::string> argv;
  std::vector<fault> faults;
};

void check_program(input_reader& in, const std::string& program, const exec_options& options) {
  if (program.empty()) {
    in.fail("/argv/0", "must name a program");
  } else if (program.front() != '/' && program.find('/') != std::string::npos) {
    in.fail("/argv/0", "must be an absolute path or a name without '/'");
  } else if (!options.programs.empty() &&
             std::find(options.programs.begin(), options.programs.end(), program) ==
                 options.programs.end()) {
    in.fail("/argv/0", "is not one of the programs that exec may run here");
  }
}

exec_input read_exec(std::string_view input, const exec_options& options) {
  exec_input out;
  input_reader in{input, {"argv"}};
  for (const auto& wrong : options.faults()) in.fail("", "the options of exec: " + wrong);
  if (const auto* value = in.field("argv")) {
    if (!value->is_array() || value->empty()) {
      in.fail("/argv", "must be an array of strings, the program first");
    } else {
      for (std::size_t i = 0; i < value->size(); ++i) {
        const auto path = "/argv/" + std::to_string(i);
        const auto& item = (*value)[i];
        if (!item.is_string()) {
          in.fail(path, "must be a string");
          continue;
        }
        const auto& text = item.get_ref<const std::string&>();
        if (text.find('\0') != std::string::npos)
          in.fail(path, "must not hold a NUL character");  // the program would see less
        if (i == 0) check_program(in, text, options);
        out.argv.push_back(text);
      }
    }
  }
  out.faults = in.faults();
  return out;
}

using variables = std::vector<std::string>;

variables environment_of(const action_context& ctx, const variables& inherited) {
  auto out = inherited;
  const auto put = [&out](const char* name, std::string_view value) {
    out.push_back(std::string{name} + '=' + std::string{value});
  };
  put("TENAX_IDEMPOTENCY_KEY", ctx.idempotency_key);
  put("TENAX_WORKFLOW_ID", ctx.workflow_id);
  put("TENAX_ACTION_KEY", ctx.action_key);
  put("TENAX_ATTEMPT", std::to_string(ctx.attempt));
  if (const auto parent = ctx.traceparent(); !parent.empty()) {
    std::erase_if(out, [](const auto& v) { return v.starts_with("TRACEPARENT="); });
    put("TRACEPARENT", parent);
  }
  return out;
}

/// PATH and what is inherited, as it is now.
variables inherited_now(const exec_options& options) {
  variables out;
  bool has_path = false;
  for (const auto& name : options.inherit) {
    const char* value = ::getenv(name.c_str());
    if (value == nullptr) continue;
    out.push_back(name + '=' + value);
    has_path = has_path || name == "PATH";
  }
  if (!has_path) out.push_back("PATH=" + std::string{exec_path});
  return out;
}

/// ": " and the last line that is not empty of what the program said, or nothing.
std::string last_words(const captured& err) {
  constexpr std::size_t bytes_max = 512;
  std::string_view text = err.tail;
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.remove_suffix(1);
  text.remove_prefix(text.rfind('\n') + 1);  // npos + 1 is 0
  if (text.empty()) return {};
  return ": " + printable(text, bytes_max);
}

std::string signal_name(int signal) {
  const char* name = ::sigabbrev_np(signal);
  return name != nullptr ? "SIG" + std::string{name} : "signal " + std::to_string(signal);
}

outcome failed_start(const process_result& r, const std::string& program) {
  auto message = "cannot run " + printable(program, 256) + ": " + std::string{r.what} + ": " +
                 std::string{::strerrordesc_np(r.code) ? ::strerrordesc_np(r.code) : "failed"};
  return r.how == end::not_found ? outcome::fatal("spawn_failed", std::move(message))
                                 : outcome::failure("spawn_failed", std::move(message));
}

outcome run_exec(const action_context& ctx, const exec_options& options,
                 const variables& inherited) {
  const auto in = read_exec(ctx.input, options);
  if (!in.faults.empty()) return bad_input(in.faults);
  const auto r = run_process(in.argv, environment_of(ctx, inherited), options.timeout,
                             options.output_grace, options.output_bytes_max, ctx.stop);
  switch (r.how) {
    case end::not_found:
    case end::no_start:
      return failed_start(r, in.argv.front());
    case end::timed_out:
      return outcome::unknown("timeout", "killed after " + std::to_string(options.timeout.count()) +
                                             " ms" + last_words(r.err));
    case end::stopped:
      return outcome::unknown("stopped", "killed: the engine asked to stop");
    case end::not_begun:
      return outcome::failure("stopped", "not started: the engine asked to stop");
    case end::lost:
      return outcome::unknown("exit_lost",
                              "the exit status is lost: the host ignores SIGCHLD or "
                              "waits for children that are not its own");
    case end::signalled:
      return outcome::unknown("signal", "killed by " + signal_name(r.code) + last_words(r.err));
    case end::exited:
      break;
  }
  if (r.code != 0)
    return outcome::failure("exit_code", "exit code " + std::to_string(r.code) + last_words(r.err));
  const json result{{"exit_code", 0},
                    {"stdout", r.out.kept},
                    {"stderr", r.err.kept},
                    {"stdout_truncated", r.out.truncated || r.out.cut},
                    {"stderr_truncated", r.err.truncated || r.err.cut},
                    {"stdout_cut", r.out.cut},
                    {"stderr_cut", r.err.cut}};
  // Programs write bytes, JSON wants UTF-8: what is not becomes U+FFFD.
  return outcome::success(result.dump(-1, ' ', false, json::error_handler_t::replace));
}

}  // namespace

}  // namespace tenax::builtin

namespace tenax {

std::vector<std::string> exec_options::faults() const {
  std::vector<std::string> out;
  if (timeout < milliseconds{1} || timeout > limits{}.delay_max) {
    out.push_back("timeout must be 1 ms to 10 years, it is " + std::to_string(timeout.count()) +
                  " ms");
  }
  if (output_grace < milliseconds{0} || output_grace > limits{}.delay_max) {
    out.push_back("output_grace must be 0 ms to 10 years, it is " +
                  std::to_string(output_grace.count()) + " ms");
  }
  for (const auto& name : inherit) {
    const auto shown = builtin::printable(name, 128);
    const bool plain = !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
      return c > ' ' && c < '\x7f' && c != '=';
    });
    if (!plain) {
      out.push_back("inherit: \"" + shown + "\" is no name of a variable");
    } else if (name.starts_with("TENAX_")) {
      out.push_back("inherit: " + shown + ": names that begin with TENAX_ are the attempt's own");
    } else if (std::count(inherit.begin(), inherit.end(), name) > 1) {
      out.push_back("inherit: " + shown + " is there twice");
    }
  }
  return out;
}

}  // namespace tenax

namespace tenax::builtin {

void add_exec(handler_registry& registry, exec_options options, action_options action) {
  action.mode = run_mode::blocking;  // in place it would hold up the actor for seconds
  if (!action.check)
    action.check = [options](std::string_view input) { return read_exec(input, options).faults; };
  registry.add(
      "exec",
      [inherited = inherited_now(options), options](const action_context& ctx) {
        return run_exec(ctx, options, inherited);
      },
      std::move(action));
}

}  // namespace tenax::builtin
