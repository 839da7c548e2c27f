#include "node/change_commands.hpp"

#include <utility>
#include <vector>

#include "node/control.hpp"
#include "node/text.hpp"

namespace tenax::node {

namespace {

/// A paused engine on a directory that exists and has this workflow (if one is named). The reader
/// looks first: it neither makes a store nor takes the lock.
result<engine> open_paused(const common_options& common, const std::optional<std::string>& id) {
  if (auto gone = missing(common.data_dir)) return *std::move(gone);
  if (const auto owner = data_dir_owner(common.data_dir))
    return error{errc::data_dir_locked, common.data_dir.string() + ": " + process_name(*owner) +
                                            " has it open; stop that process first (it stops "
                                            "cleanly at SIGTERM), or ask it"};
  {
    auto from = reader::open(common.data_dir);
    if (!from) return explained(from.error(), common.data_dir);
    if (id) {
      if (const auto known = from->summary(*id); !known) return known.error();
    }
  }
  options opts;  // no handlers, no policy: a paused engine needs neither
  opts.paused = true;
  opts.log = make_log(common.log_level);
  auto opened = engine::open(common.data_dir, std::move(opts));
  if (!opened) return explained(opened.error(), common.data_dir);
  return opened;
}

/// Tells what became of it, from what is durable now.
int report(const common_options& common, const engine& target, const std::string& id,
           std::string_view done) {
  const auto w = target.summary(id);
  if (!w) return report_error(common, about(id), w.error());
  if (common.json)
    print_line(R"({"workflow":)" + to_json(*w) + "}");
  else
    print(printable(id) + ": " + printable(done) + "; the workflow is " +
          std::string{to_string(w->status)} + '\n');
  return finish_output(exit_ok);
}

/// By the process that has the directory open, or else by this one.
result<void> back_up(const common_options& common, const std::string& target) {
  const auto& dir = common.data_dir;
  constexpr int tries = 3;  // the owner may come or go meanwhile
  for (int i = 0; i < tries; ++i) {
    if (data_dir_owner(dir)) {
      if (auto asked = ask_for_backup(dir, target)) return *std::move(asked);
      const auto owner = data_dir_owner(dir);
      if (!owner) continue;
      return error{errc::data_dir_locked,
                   dir.string() + ": " + process_name(*owner) +
                       " has it open and takes no requests: if it is a program with tenax inside, "
                       "it makes its backups itself (engine.backup); if it has just started, try "
                       "again"};
    }
    const auto own = open_paused(common, std::nullopt);
    if (own) return own->backup(target);
    if (own.error().code() != errc::data_dir_locked) return own.error();
  }
  return error{errc::data_dir_locked, dir.string() + ": it is opened and closed all the time"};
}

result<resolution> make_resolution(const resolve_options& o) {
  using kind = resolution::kind;
  const auto wrong = [](std::string message) {
    return error{errc::invalid_argument, std::move(message)};
  };
  resolution out;
  if (o.decision == "retry")
    out.what = kind::retry;
  else if (o.decision == "skip")
    out.what = kind::skip;
  else if (o.decision == "complete")
    out.what = kind::complete;
  else if (o.decision == "fail")
    out.what = kind::fail;
  else
    return wrong("the decision is retry, skip, complete or fail, not " + o.decision);
  if (o.value && out.what != kind::complete) return wrong("--value goes with complete");
  if (o.message && out.what != kind::fail) return wrong("--message goes with fail");
  if (o.value && !nlohmann::json::accept(*o.value))
    return wrong("--value must be JSON (a text needs its own quotes: '\"text\"')");
  if (out.what == kind::complete && !o.value)
    return wrong("complete needs a result: --value JSON (--value null if it has none)");
  if (out.what == kind::complete) out.value = *o.value;
  if (out.what == kind::fail) out.value = o.message.value_or("failed by decision");
  return out;
}

}  // namespace

int cancel_command(const common_options& common, const cancel_options& o) {
  auto target = open_paused(common, o.id);
  if (!target) return report_error(common, "cannot cancel " + o.id, target.error());
  if (const auto done = target->cancel(o.id, o.reason); !done)
    return report_error(common, "cannot cancel " + o.id, done.error());
  return report(common, *target, o.id, "cancelled");
}

int resolve_command(const common_options& common, const resolve_options& o) {
  auto decision = make_resolution(o);
  if (!decision) return report_error(common, "bad option", decision.error());
  const auto what = "cannot resolve " + o.id + " " + o.key;
  auto target = open_paused(common, o.id);
  if (!target) return report_error(common, what, target.error());
  if (const auto done = target->resolve(o.id, o.key, *std::move(decision)); !done)
    return report_error(common, what, done.error());
  return report(common, *target, o.id, "action " + o.key + ": " + o.decision);
}

namespace {

/// All that have failed and match. They are listed first: those that go on leave the list.
int retry_failed(const common_options& common, engine& target, const retry_options& o) {
  const std::string what = "cannot retry what has failed";
  list_query query;
  query.status = workflow_status::failed;
  query.name = o.name;
  query.error_class = o.error_class;
  query.limit = 1'000;
  std::vector<std::string> ids;
  do {
    const auto found = target.list(query);
    if (!found) return report_error(common, what, found.error());
    for (const auto& w : found->items) ids.push_back(w.id);
    query.page_token = found->next_page_token;
  } while (!query.page_token.empty());
  for (const auto& id : ids) {
    if (const auto done = target.retry(id, {}, o.reason); !done)
      return report_error(common, "cannot retry " + id, done.error());
  }
  if (common.json) {
    print_line({{"retried", ids}});
  } else {
    for (const auto& id : ids) print(printable(id) + ": goes on at the next run\n");
    print(std::to_string(ids.size()) + " failed workflows go on\n");
  }
  return finish_output(exit_ok);
}

}  // namespace

int retry_command(const common_options& common, const retry_options& o) {
  const bool of_one = !o.id.empty();
  if (of_one == o.failed || (of_one && (o.name || o.error_class)))
    return report_error(common, "bad option",
                        error{errc::invalid_argument,
                              "name one workflow, or say --failed (--name and --error-class go "
                              "with that)"});
  const auto what = of_one ? "cannot retry " + o.id : "cannot retry what has failed";
  auto target = open_paused(common, of_one ? std::optional(o.id) : std::nullopt);
  if (!target) return report_error(common, what, target.error());
  if (!of_one) return retry_failed(common, *target, o);
  if (const auto done = target->retry(o.id, o.key, o.reason); !done)
    return report_error(common, what, done.error());
  return report(common, *target, o.id, "goes on at the next run");
}

int signal_command(const common_options& common, const signal_options& o) {
  const auto what = "cannot signal " + o.id;
  if (!nlohmann::json::accept(o.payload))
    return report_error(common, "bad option",
                        error{errc::invalid_argument,
                              "--payload must be JSON (a text needs its "
                              "own quotes: '\"text\"')"});
  auto target = open_paused(common, o.id);
  if (!target) return report_error(common, what, target.error());
  if (const auto done = target->signal(o.id, o.name, o.payload, o.key); !done)
    return report_error(common, what, done.error());
  return report(common, *target, o.id, "has the signal " + o.name);
}

int remove_command(const common_options& common, const remove_options& o) {
  const auto what = "cannot remove " + o.id;
  auto target = open_paused(common, o.id);
  if (!target) return report_error(common, what, target.error());
  if (const auto done = target->remove(o.id); !done)
    return report_error(common, what, done.error());
  if (common.json)
    print_line({{"removed", o.id}});
  else
    print(printable(o.id) + ": removed\n");
  return finish_output(exit_ok);
}

int backup_command(const common_options& common, const backup_options& o) {
  const auto what = "cannot back up " + common.data_dir.string();
  const auto target = std::filesystem::absolute(o.target).lexically_normal().string();
  if (!valid_utf8(target))
    return report_error(common, what, error{errc::invalid_argument, "TARGET is not UTF-8"});
  if (const auto made = back_up(common, target); !made)
    return report_error(common, what, made.error());
  if (common.json)
    print_line({{"backup", target}});
  else
    print("backup: " + printable(target) + '\n');
  return finish_output(exit_ok);
}

}  // namespace tenax::node
