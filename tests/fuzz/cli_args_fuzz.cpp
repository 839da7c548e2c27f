// Any bytes as command lines (arguments end with a zero byte): parsing never crashes, and what it
// accepts is what the commands may rely on. node/main.cpp is linked with another name for `main`;
// the commands are stand-ins, so that neither an engine nor CAF is needed.
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "node/change_commands.hpp"
#include "node/exit_codes.hpp"
#include "node/export_commands.hpp"
#include "node/read_commands.hpp"
#include "node/run_command.hpp"
#include "node/run_terms.hpp"
#include "node/serve_command.hpp"
#include "node/token_command.hpp"

/// node/main.cpp's `main`, renamed by the build.
int tenax_cli_main(int argc, char** argv);

namespace {

bool called = false;

void require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

namespace tenax::node {

void complain(std::string_view) {
  // An exception that came out of parsing.
  std::abort();
}

int report_error(const common_options&, std::string_view, const error& e) {
  require(!e.message().empty());
  return exit_bad_input;
}

int run_command(const common_options&, const run_options& run) {
  called = true;
  require(!run.files.empty());
  require(run.handler_threads <= 4'096);
  require(run.durability == "sync" || run.durability == "async");
  require(!run.repeat || *run.repeat >= 1);
  const auto faults = faults_of(run);
  for (const auto& f : faults) require(!f.empty());
  (void)terms_of(run, {});
  if (!faults.empty()) return exit_bad_input;
  require(policy_of(run).faults().empty());
  require(run.faults.rate >= 0 && run.faults.rate <= 1 && std::isfinite(run.time_scale));
  (void)engine_options(run, std::make_shared<attempt_counters>());
  return exit_ok;
}
int resume_command(const common_options&, const resume_options& o) {
  called = true;
  require(!o.ids.empty());
  require(o.how.handler_threads <= 4'096);
  require(o.how.durability == "sync" || o.how.durability == "async");
  return exit_ok;
}
int token_create_command(const common_options&, const token_options& o) {
  called = true;
  require(!o.file.empty() && !o.scopes.empty());
  return exit_ok;
}
int token_list_command(const common_options&, const token_options& o) {
  called = true;
  require(!o.file.empty());
  return exit_ok;
}
int token_revoke_command(const common_options&, const token_options& o) {
  called = true;
  require(!o.file.empty());
  return exit_ok;
}
int serve_command(const common_options&, const serve_options& o) {
  called = true;
  require(!o.socket || !o.socket->empty());
  require(o.how.files.empty() && o.how.handler_threads <= 4'096);
  (void)faults_of(o.how);
  return exit_ok;
}
int print_config_command(const common_options&, const std::vector<settings::row>& rows,
                         const std::vector<std::string>&) {
  called = true;
  for (const auto& r : rows) require(!r.key.empty() && !r.from.empty());
  return exit_ok;
}
int remove_command(const common_options&, const remove_options&) {
  called = true;
  return exit_ok;
}
int backup_command(const common_options&, const backup_options&) {
  called = true;
  return exit_ok;
}
int list_command(const common_options&, const list_options&) {
  called = true;
  return exit_ok;
}
int show_command(const common_options&, const show_options&) {
  called = true;
  return exit_ok;
}
int explain_command(const common_options&, const explain_options&) {
  called = true;
  return exit_ok;
}
int history_command(const common_options&, const history_options&) {
  called = true;
  return exit_ok;
}
int verify_command(const common_options&) {
  called = true;
  return exit_ok;
}
int export_command(const common_options&, const export_options&) {
  called = true;
  return exit_ok;
}
int import_command(const common_options&, const import_options&) {
  called = true;
  return exit_ok;
}
int cancel_command(const common_options&, const cancel_options&) {
  called = true;
  return exit_ok;
}
int change_command(const common_options&, const change_options& o) {
  called = true;
  require(!o.max_attempts || (*o.max_attempts >= 1 && *o.max_attempts <= 100));
  require(!o.on_exhausted || *o.on_exhausted == "fail" || *o.on_exhausted == "pause" ||
          *o.on_exhausted == "skip");
  return exit_ok;
}
int retry_command(const common_options&, const retry_options&) {
  called = true;
  return exit_ok;
}
int signal_command(const common_options&, const signal_options&) {
  called = true;
  return exit_ok;
}
int resolve_command(const common_options&, const resolve_options& o) {
  called = true;
  require(o.decision == "retry" || o.decision == "skip" || o.decision == "complete" ||
          o.decision == "fail");
  return exit_ok;
}

}  // namespace tenax::node

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t arguments_max = 24;
  std::vector<std::string> arguments{"tenax"};
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  while (!rest.empty() && arguments.size() < arguments_max) {
    const auto end = rest.find('\0');
    arguments.emplace_back(rest.substr(0, end));
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  }
  std::vector<char*> argv;
  for (auto& a : arguments) argv.push_back(a.data());
  argv.push_back(nullptr);
  called = false;
  const int code = tenax_cli_main(static_cast<int>(arguments.size()), argv.data());
  require(code == tenax::node::exit_ok || code == tenax::node::exit_bad_input);
  require(called || code == tenax::node::exit_bad_input ||
          code == tenax::node::exit_ok);  // exit_ok without a command: --help, --version
  return 0;
}
