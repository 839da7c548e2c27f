#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "handlers/input.hpp"
#include "handlers/process.hpp"
#include "tenax/handler.hpp"

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

outcome run_exec(const action_context& ctx, const exec_options& options) {
  const auto in = read_exec(ctx.input, options);
  if (!in.faults.empty()) return bad_input(in.faults);
  const auto r = run_process(in.argv, options.timeout, options.output_bytes_max, ctx.stop);
  switch (r.how) {
    case end::not_found:
    case end::no_start:
      return failed_start(r, in.argv.front());
    case end::timed_out:
      return outcome::failure("timeout", "killed after " + std::to_string(options.timeout.count()) +
                                             " ms" + last_words(r.err));
    case end::stopped:
      return outcome::failure("stopped", "killed: the engine asked to stop");
    case end::lost:
      return outcome::failure("exit_lost",
                              "the exit status is lost: the host ignores SIGCHLD or "
                              "waits for children that are not its own");
    case end::signalled:
      return outcome::failure("signal", "killed by " + signal_name(r.code) + last_words(r.err));
    case end::exited:
      break;
  }
  if (r.code != 0)
    return outcome::failure("exit_code", "exit code " + std::to_string(r.code) + last_words(r.err));
  const json result{{"exit_code", 0},
                    {"stdout", r.out.kept},
                    {"stderr", r.err.kept},
                    {"stdout_truncated", r.out.truncated},
                    {"stderr_truncated", r.err.truncated}};
  // Programs write bytes, JSON wants UTF-8: what is not becomes U+FFFD.
  return outcome::success(result.dump(-1, ' ', false, json::error_handler_t::replace));
}

}  // namespace

void add_exec(handler_registry& registry, exec_options options, action_options action) {
  action.mode = run_mode::blocking;  // in place it would hold up the actor for seconds
  if (!action.check)
    action.check = [options](std::string_view input) { return read_exec(input, options).faults; };
  registry.add(
      "exec",
      [options = std::move(options)](const action_context& ctx) { return run_exec(ctx, options); },
      std::move(action));
}

}  // namespace tenax::builtin
