// main.cpp - the tenax program: its command line. Each command has its own file.
#include "model/documents/suggest.hpp"
#include "node/change_commands.hpp"
#include "node/command.hpp"
#include "node/exit_codes.hpp"
#include "node/export_commands.hpp"
#include "node/read_commands.hpp"
#include "node/run_command.hpp"
#include "node/serve_command.hpp"
#include "node/settings.hpp"
#include "node/token_command.hpp"
#include "storage/standard_descriptors.hpp"
#include "tenax/limits.hpp"
#include "tenax/server.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <csignal>
#include <exception>
#include <functional>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace tenax::node;  // a program of its own, nothing includes it

/// Runs the chosen command. The structs that it reads live as long as the program.
using action = std::function<int()>;

constexpr std::uint64_t rows_max = 1'000'000'000;  // of one answer
constexpr std::uint64_t http_timeout_ms_max = 86'400'000;
constexpr auto ms_max = static_cast<std::uint64_t>(tenax::limits{}.delay_max.count());

bool read_number(const std::string& text, double& value) {
  const auto* end = text.data() + text.size();
  return std::from_chars(text.data(), end, value) == std::from_chars_result{end, {}};
}

/// Without what protected it (as_it_is).
std::string plain(std::string_view text) {
  if (text.starts_with(as_it_is)) text.remove_prefix(1);
  return std::string{text};
}

/// For App::parse: the last one first, without the program's name.
std::vector<std::string> protected_words(int argc, char** argv) {
  std::vector<std::string> out;
  bool only_words = false;
  for (int i = 1; i < argc; ++i) {
    std::string word = argv[i];
    if (!only_words && word == "--") {
      only_words = true;
      continue;
    }
    if (only_words || means_more(word)) {
      word.insert(word.begin(), as_it_is);
    } else if (const auto value = word.find('='); word.starts_with("--") && value != word.npos) {
      if (means_more(std::string_view{word}.substr(value + 1))) word.insert(value + 1, 1, as_it_is);
    }
    out.push_back(std::move(word));
  }
  std::reverse(out.begin(), out.end());
  return out;
}

/// Has every option take its words as they were given.
void take_plain_words(CLI::App& app) {
  for (auto* option : app.get_options())
    if (option->get_items_expected_max() > 0)
      option->transform(CLI::Validator{[](std::string& text) {
                                         text = plain(text);
                                         return std::string{};
                                       },
                                       ""});
  for (auto* command : app.get_subcommands({})) take_plain_words(*command);
}

/// A whole number from `least` to `most`. CLI11 alone lets -1 wrap around to a large one.
CLI::Validator whole(std::uint64_t least, std::uint64_t most) {
  const auto range = std::to_string(least) + ".." + std::to_string(most);
  return {
      [=](const std::string& text) {
        std::uint64_t n = 0;
        const auto* end = text.data() + text.size();
        const bool good = std::from_chars(text.data(), end, n) == std::from_chars_result{end, {}};
        return good && n >= least && n <= most
                   ? std::string{}
                   : "must be a whole number in " + range + ", it is " + text;
      },
      range};
}

/// Any number. CLI11 alone reads it as the locale of the process has it.
void add_number(CLI::App& app, const std::string& name, double& value, const std::string& help) {
  app.add_option_function<std::string>(
         name, [&value](const std::string& text) { (void)read_number(text, value); }, help)
      ->check([](const std::string& text) {
        double ignored = 0;
        return read_number(text, ignored) ? std::string{} : "must be a number, it is " + text;
      })
      ->type_name("NUMBER")
      ->default_str(tenax::node::json(value).dump());
}

std::string path_not_empty(const std::string& path) {
  return path.empty() ? "the path is empty" : "";
}

void add_common(CLI::App& app, common_options& common) {
  const auto some = [](const std::string& text) { return text.empty() ? "it is empty" : ""; };
  app.add_option_function<std::string>(
         "--data-dir",
         [&common](const std::string& dir) {
           common.data_dir = dir;
           common.has_data_dir = true;
         },
         "Where workflows live")
      ->check(path_not_empty)
      ->default_str(default_data_dir);
  app.add_option("--server", common.server,
                 "The server to ask in place of a directory (else TENAX_SERVER): "
                 "http://HOST:PORT, https://... or unix:PATH")
      ->check(some)
      ->type_name("URL");
  app.add_option("--cacert", common.cacert, "PEM file: who may sign the server's certificate")
      ->check(some)
      ->type_name("FILE");
  app.add_option("--server-token-file", common.token_file, "Of the token for it (else TENAX_TOKEN)")
      ->check(some)
      ->type_name("FILE");
  app.add_option_function<std::string>(
         "--output", [&common](const std::string& o) { common.json = o == "json"; },
         "text or json (on stdout; progress is off then)")
      ->check(CLI::IsMember({"text", "json"}));
  app.add_option("--log-level", common.log_level, "Of the engine's log on stderr")
      ->check(CLI::IsMember({"debug", "info", "warning", "error", "off"}))
      ->capture_default_str();
}

/// What concerns the engine, and no workflow by itself.
void add_engine(CLI::App& command, run_options& o) {
  command
      .add_option("--handler-threads", o.handler_threads, "0: 4, or the number of cores if more")
      ->check(whole(0, tenax::options::threads_max))
      ->capture_default_str();
  command
      .add_option("--durability", o.durability,
                  "sync: acknowledged is on disk; async: survives a crash of the process only")
      ->check(CLI::IsMember({"sync", "async"}))
      ->capture_default_str();
  command.add_option("--horizon-ms", o.horizon_ms)
      ->check(whole(1, ms_max))
      ->group("");  // for tests
}

/// What attempts are made under.
void add_policy(CLI::App& command, run_options& o) {
  command.add_option("--max-attempts", o.max_attempts, "Per action, the first included")
      ->check(whole(1, tenax::limits{}.attempts_max));
  command.add_option("--min-wait-ms", o.min_wait_ms, "Before the first retry")
      ->check(whole(0, ms_max));
  command.add_option("--max-wait-ms", o.max_wait_ms, "Before any retry, jitter not included")
      ->check(whole(0, ms_max));
  command
      .add_option(
          "--on-exhausted", o.on_exhausted,
          "After the last attempt: fail the workflow, pause for a decision, skip the action")
      ->check(CLI::IsMember({"fail", "pause", "skip"}))
      ->capture_default_str();
  auto* at_most_once = command.add_option(
      "--at-most-once", o.at_most_once,
      "Action type whose attempts are never made again when nobody knows how they ended "
      "(a crash, a time-out, an exception): they wait for a decision");
  at_most_once->expected(1)->take_all()->type_name("TYPE");
}

/// The action type exec.
void add_exec(CLI::App& command, run_options& o) {
  command.add_flag("--allow-exec", o.allow_exec, "Let specs run programs (action type exec)");
  auto* programs = command.add_option("--exec-program", o.exec_programs,
                                      "The only programs they may run; repeatable");
  programs->expected(1)->take_all()->type_name("PATH");
  auto* env = command.add_option("--exec-env", o.exec_env,
                                 "A variable of tenax's environment that they get too; repeatable");
  env->expected(1)->take_all()->type_name("NAME");
  command.add_option("--exec-timeout-ms", o.exec_timeout_ms, "Per attempt")
      ->check(whole(1, ms_max))
      ->capture_default_str();
}

/// The action type http.
void add_http(CLI::App& command, run_options& o) {
  const auto not_empty = [](const std::string& path) {
    return path.empty() ? "the path is empty" : "";
  };
  auto* hosts = command.add_option(
      "--allow-host", o.allow_hosts,
      "Where specs may send requests (action type http): api.example.com, *.example.com, "
      "HOST:PORT, 10.0.0.0/8; repeatable");
  hosts->expected(1)->take_all()->type_name("HOST");
  command.add_option("--http-timeout-ms", o.http_timeout_ms, "Per attempt")
      ->check(whole(1, http_timeout_ms_max))
      ->capture_default_str();
  command
      .add_option("--http-cacert", o.http_cacert,
                  "PEM file: who may sign certificates; else whom the system trusts")
      ->check(not_empty)
      ->type_name("FILE");
  command
      .add_option("--secrets-dir", o.secrets_dir,
                  "Of files, one a secret, that such requests may have")
      ->check(not_empty)
      ->type_name("PATH");
}

/// CLI11's own conversion reads more into some words.
void take_words(const CLI::App& command, run_options& o) {
  o.at_most_once = command.get_option("--at-most-once")->results();
  o.exec_programs = command.get_option("--exec-program")->results();
  o.exec_env = command.get_option("--exec-env")->results();
  o.allow_hosts = command.get_option("--allow-host")->results();
}

void add_run(CLI::App& app, const common_options& common, action& chosen) {
  static run_options o;
  auto& run = *app.add_subcommand("run", "Run workflows to their end; run again to go on");
  auto* files =
      run.add_option("FILE", o.files, "Native specs (JSON) or WfFormat 1.5 traces")->required();
  add_number(run, "--time-scale", o.time_scale, "Traces: recorded seconds times this");
  run.add_flag("--spin", o.spin, "Traces: real CPU work instead of durable waits");
  add_number(run, "--fail-rate", o.faults.rate, "Share of attempts made to fail, 0..1");
  run.add_option("--seed", o.faults.seed, "Which attempts these are")
      ->check(whole(0, std::numeric_limits<std::uint64_t>::max()))
      ->capture_default_str();
  add_policy(run, o);
  run.add_flag("--change-options", o.change_options,
               "Go on with workflows that began under other options, under these");
  run.add_flag("--new", o.another, "Start another workflow, even if this one exists");
  run.add_option("--repeat", o.repeat, "Run each file N times, as ID-1 to ID-N")
      ->check(whole(1, 10'000'000))
      ->type_name("N");
  add_exec(run, o);
  add_http(run, o);
  add_engine(run, o);
  run.footer(
      "A file without `id` gets one from its name and content, so the same command goes on with\n"
      "the same workflow. Its options are recorded with it, and others are refused later. All\n"
      "other workflows of the directory are left at rest.");
  run.callback([=, &run, &common, &chosen] {
    o.files = files->results();
    take_words(run, o);
    chosen = [&common] { return run_command(common, o); };
  });

  static resume_options resume_o;
  auto& resume = *app.add_subcommand(
      "resume", "Go on with open workflows, under the options recorded with them");
  auto* ids = resume.add_option("ID", resume_o.ids)->required();
  add_engine(resume, resume_o.how);
  resume.callback([=, &common, &chosen] {
    resume_o.ids = ids->results();
    chosen = [&common] { return resume_command(common, resume_o); };
  });
}

/// What of a command a file and the environment can set.
void add_settings(CLI::App& command, const std::vector<std::string_view>& but,
                  std::vector<CLI::Option*>& out) {
  for (auto* option : command.get_options()) {
    const auto& names = option->get_lnames();
    if (names.empty() || option->get_group().empty()) continue;
    if (std::find(but.begin(), but.end(), names.front()) == but.end()) out.push_back(option);
  }
}

void add_serve(CLI::App& app, const common_options& common, action& chosen) {
  static serve_options o;
  o.how.workers = true;
  static std::optional<std::string> config;
  static bool shows_settings = false;
  auto& serve = *app.add_subcommand("serve", "Serve the HTTP API until SIGTERM (docs/server.md)");
  auto* listen = serve.add_option(
      "--listen", o.listen,
      "HOST:PORT, port 0 for any; beyond loopback with tokens and TLS; repeatable");
  listen->expected(1)->take_all()->type_name("ADDRESS")->default_str(
      "127.0.0.1:" + std::to_string(tenax::server_options::default_port));
  serve.add_option("--socket", o.socket, "A Unix socket for this user; else DIR/api.sock")
      ->check(path_not_empty)
      ->type_name("PATH");
  serve
      .add_option("--token-file", o.token_file,
                  "Of `tenax token create`: who comes over TCP needs one of its tokens")
      ->check(path_not_empty)
      ->type_name("PATH");
  serve.add_option("--tls-certificate", o.tls_certificate, "PEM, with its chain: TLS for --listen")
      ->check(path_not_empty)
      ->type_name("PATH");
  serve.add_option("--tls-key", o.tls_key, "PEM, of the certificate")
      ->check(path_not_empty)
      ->type_name("PATH");
  serve.add_flag("--proxy-ends-tls", o.proxy_ends_tls,
                 "A proxy in front ends TLS, and nobody else reaches --listen");
  auto* host_names = serve.add_option("--host-name", o.host_names,
                                      "What clients call this server, without port; repeatable");
  host_names->expected(1)->take_all()->type_name("NAME");
  serve
      .add_option("--otlp-endpoint", o.otlp_endpoint,
                  "http://HOST:PORT of a collector of traces (OTLP/HTTP); else there are none")
      ->type_name("URL");
  serve
      .add_option("--log-format", o.log_format,
                  "text, or json: an object a line, with what it is about")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
  serve.add_option("--drain-ms", o.drain_ms, "After SIGTERM: for handlers that run")
      ->check(whole(0, ms_max))
      ->capture_default_str();
  serve.add_flag(
      "--demo", o.demo,
      "With workflows to look at and a worker, in tenax-demo unless --data-dir is given");
  add_policy(serve, o.how);
  add_exec(serve, o.how);
  add_http(serve, o.how);
  add_engine(serve, o.how);
  serve.add_option("--config", config, "A file of these settings (TOML); else TENAX_CONFIG")
      ->check(path_not_empty)
      ->envname("TENAX_CONFIG")
      ->type_name("FILE");
  serve.add_flag("--print-config", shows_settings,
                 "Print each setting and where it comes from, and serve nothing");
  serve.footer(
      "An option --drain-ms can also be given as TENAX_DRAIN_MS in the environment, and as\n"
      "drain_ms in the file of --config; an option goes before the environment, and that before\n"
      "the file. Lists are parted by commas in the environment. SIGHUP reads tokens and\n"
      "certificate again.");
  std::vector<CLI::Option*> options{app.get_option("--data-dir"), app.get_option("--log-level")};
  add_settings(serve, {"help", "config", "print-config", "demo"}, options);
  const auto all = std::make_shared<settings>(options);
  serve.callback([=, &serve, &common, &chosen] {
    all->resolve(config);
    o.warnings = all->misspelt();
    o.listen = listen->results();
    o.host_names = host_names->results();
    take_words(serve, o.how);
    chosen = [&common, all] {
      return shows_settings ? print_config_command(common, all->rows(), o.warnings)
                            : serve_command(common, o);
    };
  });
}

void add_token_file(CLI::App& command, std::string& file) {
  command.add_option("--token-file", file, "As of tenax serve")
      ->required()
      ->check(path_not_empty)
      ->envname("TENAX_TOKEN_FILE")
      ->type_name("PATH");
}

void add_token(CLI::App& app, const common_options& common, action& chosen) {
  static token_options o;
  auto& token =
      *app.add_subcommand("token", "Who may use the server, and for what (docs/server.md)");
  token.require_subcommand(1);
  auto& create = *token.add_subcommand("create", "Make a token and print it, this once");
  create.add_option("NAME", o.name, "Whose it is, for people")->required();
  auto* scopes = create.add_option(
      "--scope", o.scopes, "read, submit, work, operate, or admin, which has all; repeatable");
  scopes->required()->expected(1)->take_all()->check(
      CLI::IsMember({"read", "submit", "work", "operate", "admin"}));
  create.add_option("--expires", o.expires, "A time, a date, or from now: 90d, 12h; else never");
  create.callback([=, &common, &chosen] {
    o.scopes = scopes->results();
    chosen = [&common] { return token_create_command(common, o); };
  });
  auto& list = *token.add_subcommand("list", "The tokens there are, without their secrets");
  list.callback([&common, &chosen] { chosen = [&] { return token_list_command(common, o); }; });
  auto& revoke = *token.add_subcommand("revoke", "Take a token back");
  revoke.add_option("ID", o.id)->required();
  revoke.callback([&common, &chosen] { chosen = [&] { return token_revoke_command(common, o); }; });
  for (auto* command : {&create, &list, &revoke}) add_token_file(*command, o.file);
}

void add_reading(CLI::App& app, const common_options& common, action& chosen) {
  static list_options list_o;
  auto& list = *app.add_subcommand("list", "Workflows, newest last");
  const auto some =
      CLI::Validator{[](std::string& text) {
                       return text.empty() ? std::string{"must not be empty"} : std::string{};
                     },
                     "", "not empty"};
  list.add_option("--status", list_o.status,
                  "pending, in_progress, completed, failed or cancelled");
  list.add_flag("--open", list_o.open, "Pending or in progress");
  list.add_option("--name", list_o.name, "Exactly this name");
  list.add_option("--reference", list_o.reference, "Exactly this reference");
  list.add_option("--error-class", list_o.error_class,
                  "Failed with this class of error; open: an action's last error is of it");
  list.add_option(
      "--waiting", list_o.waiting,
      "Open, with an action that waits for: dependencies, schedule, retry, timer, outside, "
      "thread, decision; nothing: that runs");
  list.add_option("--since", list_o.since, "Submitted at or after: a date or RFC 3339");
  list.add_option("--until", list_o.until, "Submitted before");
  for (const auto* filter :
       {"--status", "--name", "--reference", "--error-class", "--waiting", "--since", "--until"})
    list.get_option(filter)->check(some);
  list.add_flag("--to-decide", list_o.to_decide, "With actions that wait for a decision");
  list.add_flag("--newest-first", list_o.newest_first, "The other way round");
  list.add_flag("--count", list_o.count, "Only how many they are");
  list.add_option("--limit", list_o.limit, "At most so many")
      ->check(whole(1, rows_max))
      ->capture_default_str();
  list.add_option("--page-token", list_o.page_token, "From the page before");
  list.callback([&common, &chosen] { chosen = [&] { return list_command(common, list_o); }; });

  static show_options show_o;
  auto& show = *app.add_subcommand("show", "One workflow and its actions");
  show.add_option("ID", show_o.id)->required();
  show.add_flag("--all", show_o.all, "Completed actions too when there are more than 200");
  show.callback([&common, &chosen] { chosen = [&] { return show_command(common, show_o); }; });

  static explain_options explain_o;
  auto& explain =
      *app.add_subcommand("explain", "Why a workflow's actions do not run, and what happens next");
  explain.add_option("ID", explain_o.id)->required();
  explain.callback(
      [&common, &chosen] { chosen = [&] { return explain_command(common, explain_o); }; });

  static history_options history_o;
  auto& history = *app.add_subcommand("history", "Everything that happened to a workflow");
  history.add_option("ID", history_o.id)->required();
  history.add_option("--after", history_o.after, "Events after this seq")
      ->check(whole(0, rows_max))
      ->capture_default_str();
  history.add_option("--limit", history_o.limit, "At most so many")
      ->check(whole(1, rows_max))
      ->capture_default_str();
  history.callback(
      [&common, &chosen] { chosen = [&] { return history_command(common, history_o); }; });

  app.add_subcommand("verify", "Check the data directory against the engine's invariants")
      ->callback([&common, &chosen] { chosen = [&] { return verify_command(common); }; });
}

void add_changing(CLI::App& app, const common_options& common, action& chosen) {
  static cancel_options cancel_o;
  auto& cancel = *app.add_subcommand("cancel", "End a workflow");
  cancel.add_option("ID", cancel_o.id)->required();
  cancel.add_option("--reason", cancel_o.reason);
  cancel.callback(
      [&common, &chosen] { chosen = [&] { return cancel_command(common, cancel_o); }; });

  static resolve_options resolve_o;
  auto& resolve = *app.add_subcommand("resolve", "Decide for an action that waits for a decision");
  resolve.add_option("ID", resolve_o.id)->required();
  resolve.add_option("KEY", resolve_o.key, "The action")->required();
  resolve.add_option("DECISION", resolve_o.decision)
      ->required()
      ->check(CLI::IsMember({"retry", "skip", "complete", "fail"}));
  resolve.add_option("--value", resolve_o.value, "complete: the result, JSON; null for none")
      ->type_name("JSON");
  resolve.add_option("--message", resolve_o.message, "fail: the error's message");
  resolve.add_option("--reason", resolve_o.reason, "For the history");
  resolve.callback(
      [&common, &chosen] { chosen = [&] { return resolve_command(common, resolve_o); }; });
}

void add_signal(CLI::App& app, const common_options& common, action& chosen) {
  static signal_options o;
  auto& signal = *app.add_subcommand("signal", "Give a workflow a signal that an action waits for");
  signal.add_option("ID", o.id)->required();
  signal.add_option("NAME", o.name)->required();
  signal.add_option("--payload", o.payload, "The result of the action that waits for it")
      ->type_name("JSON");
  signal.add_option("--key", o.key, "The same key, name and payload again is no second signal");
  signal.callback([&common, &chosen] { chosen = [&] { return signal_command(common, o); }; });
}

void add_retry(CLI::App& app, const common_options& common, action& chosen) {
  static retry_options o;
  auto& retry =
      *app.add_subcommand("retry", "Go on with what has failed, or make a retry that waits now");
  retry.add_option("ID", o.id);
  retry.add_option("KEY", o.key, "The action that failed, or that waits; else all");
  retry.add_option("--reason", o.reason);
  retry.add_flag("--failed", o.failed, "All workflows that have failed");
  retry.add_option("--name", o.name, "With --failed: of exactly this name");
  retry.add_option("--error-class", o.error_class, "With --failed: by this class of error");
  retry.callback([&common, &chosen] { chosen = [&] { return retry_command(common, o); }; });
}

void add_change(CLI::App& app, const common_options& common, action& chosen) {
  static change_options o;
  auto& change = *app.add_subcommand(
      "change", "Give an action that waits, or that has failed, another input or retry policy");
  change.add_option("ID", o.id)->required();
  change.add_option("KEY", o.key, "The action")->required();
  change
      .add_option("--input", o.input,
                  "In place of its input; references only to what it depends on already")
      ->type_name("JSON|@FILE");
  change.add_option("--max-attempts", o.max_attempts, "The first included, and those made")
      ->check(whole(1, tenax::limits{}.attempts_max));
  change.add_option("--min-wait-ms", o.min_wait_ms, "Before the first retry")
      ->check(whole(0, ms_max));
  change.add_option("--max-wait-ms", o.max_wait_ms, "Before any retry, jitter not included")
      ->check(whole(0, ms_max));
  change.add_option("--on-exhausted", o.on_exhausted, "After the last attempt")
      ->check(CLI::IsMember({"fail", "pause", "skip"}));
  change.add_flag("--policy-as-registered", o.policy_as_registered,
                  "Take back what was changed of its policy, first");
  change.add_option("--reason", o.reason, "For the history");
  change.callback([&common, &chosen] { chosen = [&] { return change_command(common, o); }; });
}

void add_remove(CLI::App& app, const common_options& common, action& chosen) {
  static remove_options o;
  auto& remove = *app.add_subcommand("remove", "Remove a workflow that is over, with its history");
  remove.add_option("ID", o.id)->required();
  remove.callback([&common, &chosen] { chosen = [&] { return remove_command(common, o); }; });
}

void add_backup(CLI::App& app, const common_options& common, action& chosen) {
  static backup_options o;
  auto& backup = *app.add_subcommand(
      "backup", "Copy the data directory, also of a running process; open it to restore");
  backup.add_option("TARGET", o.target, "A directory that does not exist, or is empty")
      ->required()
      ->check(path_not_empty);
  backup.callback([&common, &chosen] { chosen = [&] { return backup_command(common, o); }; });
}

void add_export(CLI::App& app, const common_options& common, action& chosen) {
  static export_options o;
  auto& out = *app.add_subcommand(
      "export", "Workflows with their histories as JSON lines, for `tenax import`");
  auto* ids = out.add_option("ID", o.ids, "Only these; else all");
  out.callback([=, &common, &chosen] {
    o.ids = ids->results();
    chosen = [&common] { return export_command(common, o); };
  });
}

void add_import(CLI::App& app, const common_options& common, action& chosen) {
  static import_options o;
  auto& import = *app.add_subcommand(
      "import", "Put the workflows of an export into the data directory; no process may have it");
  import.add_option("FILE", o.file, "What `tenax export` printed; - for stdin")->required();
  import.callback([&common, &chosen] { chosen = [&] { return import_command(common, o);
};
}  // namespace
);
}

/// Whether the command line asks for JSON: it may be faulty before CLI11 comes to the option.
bool wants_json(const std::vector<std::string_view>& args) {
  constexpr std::array<std::string_view, 2> apart{"--output", "json"};
  return std::search(args.begin(), args.end(), apart.begin(), apart.end()) != args.end() ||
         std::find(args.begin(), args.end(), "--output=json") != args.end();
}

/// What is wrong with the command line; CLI11 does not name a command that there is not.
std::string usage_fault(const CLI::App& app, const CLI::ParseError& e) {
  const auto left = app.remaining();
  if (!app.get_subcommands().empty() || left.empty() || left[0].starts_with('-')) {
    std::string what = e.what();
    what.erase(std::remove(what.begin(), what.end(), as_it_is), what.end());
    return what;
  }
  const auto word = plain(left[0]);
  std::vector<std::string_view> names;
  for (const auto* command : app.get_subcommands({})) names.push_back(command->get_name());
  return word + " is no command; there are " + tenax::model::nearest_names(word, names);
}

}  // namespace

int main(int argc, char** argv) {
  // A closed pipe is an error of a write: what is open is closed, and scratch files go away.
  std::signal(SIGPIPE, SIG_IGN);
  // Before any file is opened: none may get the number of stdout or stderr.
  if (!tenax::storage::hold_standard_descriptors()) return exit_engine_error;
  try {
    static common_options common;
    action chosen;
    CLI::App app{"tenax: durable workflows in a directory", "tenax"};
    app.set_version_flag("--version", "tenax " TENAX_VERSION);
    app.require_subcommand(1);
    app.fallthrough();  // --data-dir and the like may also follow the command
    app.footer(exit_codes_text);
    add_common(app, common);
    add_run(app, common, chosen);
    add_serve(app, common, chosen);
    add_token(app, common, chosen);
    add_reading(app, common, chosen);
    add_changing(app, common, chosen);
    add_retry(app, common, chosen);
    add_change(app, common, chosen);
    add_signal(app, common, chosen);
    add_remove(app, common, chosen);
    add_backup(app, common, chosen);
    add_export(app, common, chosen);
    add_import(app, common, chosen);
    take_plain_words(app);
    try {
      app.parse(protected_words(argc, argv));
    } catch (const CLI::ParseError& e) {
      if (e.get_exit_code() == 0) return app.exit(e);  // --help, --version
      common.json = wants_json({argv, argv + argc});
      return report_error(common, "usage (tenax --help tells more)",
                          tenax::error{tenax::errc::invalid_argument, usage_fault(app, e)});
    }
    return chosen();
  } catch (const std::exception& e) {
    complain(e.what());
    return exit_engine_error;
  }
}
