#include "node/engines.hpp"

#include <pwd.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <thread>
#include <utility>

#include "node/remote.hpp"

namespace tenax::node {

namespace {

namespace fs = std::filesystem;

/// The queries of an engine or a reader in this process.
template <class Base, class Local>
class local : public Base {
 public:
  explicit local(Local from) : local_(std::move(from)) {}
  result<workflow_summary> summary(std::string_view id) const override {
    return local_.summary(id);
  }
  result<workflow_view> get(std::string_view id) const override { return local_.get(id); }
  result<explanation> explain(std::string_view id) const override { return local_.explain(id); }
  result<page<workflow_summary>> list(const list_query& query) const override {
    return local_.list(query);
  }
  result<list_count> count(const list_query& query) const override { return local_.count(query); }
  result<std::vector<history_event>> history(std::string_view id, std::uint64_t after,
                                             std::size_t limit) const override {
    return local_.history(id, after, limit);
  }
  std::string runs_at() const override { return {}; }

 protected:
  Local local_;
};

std::string has_it_open(int pid) { return process_name(pid) + " has the data directory open"; }

/// What is on disk, also beside a process that takes no requests.
class files final : public local<readable, reader> {
 public:
  files(reader from, fs::path dir) : local(std::move(from)), dir_(std::move(dir)) {}
  std::string runs_at() const override {
    const auto owner = data_dir_owner(dir_);
    return owner ? has_it_open(*owner) : std::string{};
  }

 private:
  const fs::path dir_;
};

/// A paused engine of our own.
class at_rest final : public local<operable, engine> {
 public:
  at_rest(engine e, std::string who) : local(std::move(e)), who_(std::move(who)) {}
  result<workflow_summary> cancel(std::string_view id, const std::string& reason) override {
    return after(id, local_.cancel(id, reason, who_));
  }
  result<workflow_summary> resolve(std::string_view id, std::string_view action,
                                   const resolution& decision) override {
    return after(id, local_.resolve(id, action, decision, who_));
  }
  result<workflow_summary> retry(std::string_view id, std::string_view action,
                                 const std::string& reason) override {
    return after(id, local_.retry(id, action, reason, who_));
  }
  result<workflow_summary> change(std::string_view id, std::string_view action,
                                  const action_change& what) override {
    return after(id, local_.change(id, action, what, who_));
  }
  result<workflow_summary> signal(std::string_view id, const std::string& name,
                                  const std::string& payload, const std::string& key) override {
    return after(id, local_.signal(id, name, payload, key, who_));
  }
  result<void> remove(std::string_view id) override { return local_.remove(id); }
  result<void> backup(const fs::path& target) override { return local_.backup(target); }

 private:
  [[nodiscard]] result<workflow_summary> after(std::string_view id,
                                               const result<void>& done) const {
    if (!done) return done.error();
    return local_.summary(id);
  }
  const std::string who_;
};

/// Who asks, for the history: the user's name.
std::string this_user() {
  const auto* const entry = ::getpwuid(::geteuid());
  return entry != nullptr ? entry->pw_name : "uid " + std::to_string(::geteuid());
}

/// The token of TENAX_TOKEN or the file, without the line end.
result<std::string> token_of(const common_options& common) {
  if (common.token_file.empty()) {
    const char* const given = std::getenv("TENAX_TOKEN");
    return std::string(given != nullptr ? given : "");
  }
  std::ifstream file(common.token_file);
  std::string token;
  if (!std::getline(file, token) || token.empty())
    return error(errc::invalid_argument, common.token_file.string() + ": no token can be read");
  if (token.ends_with('\r')) token.pop_back();
  return token;
}

result<std::unique_ptr<operable>> open_server(const common_options& common) {
  const auto url = server_of(common);
  if (common.has_data_dir && !common.server.empty())
    return error(errc::invalid_argument, "--server and --data-dir are two different engines");
  auto token = token_of(common);
  if (!token) return token.error();
  return open_remote({url, common.cacert, *std::move(token)}, "served at " + url, this_user());
}

/// By the process that has the directory open. Nothing: it takes no requests.
std::optional<result<std::unique_ptr<operable>>> open_process(const fs::path& dir, int pid,
                                                              std::string who = {}) {
  auto opened =
      open_remote({"unix:" + socket_of(dir).string(), {}, {}}, has_it_open(pid), std::move(who));
  if (!opened && opened.error().code() == errc::unreachable) return std::nullopt;
  return opened;
}

error takes_no_requests(const fs::path& dir, int pid) {
  return {errc::data_dir_locked,
          dir.string() + ": " + process_name(pid) + " has it open and takes no requests at " +
              socket_of(dir).string() +
              ": if it is a program with tenax inside, it does this itself (engine.cancel, "
              "engine.backup ...), or opens that socket (tenax::server); if it has just started, "
              "try again; or stop it first (SIGTERM)"};
}

/// A paused engine on a directory that exists and has this workflow (if one is named). The reader
/// looks first: it neither makes a store nor takes the lock.
result<std::unique_ptr<operable>> open_paused(const common_options& common,
                                              const std::optional<std::string>& id) {
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
  return std::unique_ptr<operable>(std::make_unique<at_rest>(*std::move(opened), this_user()));
}

}  // namespace

fs::path socket_of(const fs::path& data_dir) { return data_dir / "api.sock"; }

std::string server_of(const common_options& common) {
  if (!common.server.empty() || common.has_data_dir) return common.server;
  const char* const given = std::getenv("TENAX_SERVER");
  return given != nullptr ? given : "";
}

engine_name named_by(const common_options& common) {
  engine_name out = common.data_dir;
  out.server = server_of(common);
  return out;
}

namespace {

/// What there is to read of a directory now.
result<std::unique_ptr<readable>> open_directory(const fs::path& dir) {
  if (auto gone = missing(dir)) return *std::move(gone);
  if (const auto owner = data_dir_owner(dir)) {
    if (auto asked = open_process(dir, *owner)) {
      if (!*asked) return asked->error();
      return std::unique_ptr<readable>(*std::move(*asked));
    }
  }
  auto from = reader::open(dir);
  if (!from) return explained(from.error(), dir);
  return std::unique_ptr<readable>(std::make_unique<files>(*std::move(from), dir));
}

/// A directory that is read to the end of a command, although its process may end meanwhile.
class directory final : public readable {
 public:
  directory(fs::path dir, std::unique_ptr<readable> now)
      : dir_(std::move(dir)), now_(std::move(now)) {}
  result<workflow_summary> summary(std::string_view id) const override {
    return ask([&](const readable& r) { return r.summary(id); });
  }
  result<workflow_view> get(std::string_view id) const override {
    return ask([&](const readable& r) { return r.get(id); });
  }
  result<explanation> explain(std::string_view id) const override {
    return ask([&](const readable& r) { return r.explain(id); });
  }
  result<page<workflow_summary>> list(const list_query& query) const override {
    return ask([&](const readable& r) { return r.list(query); });
  }
  result<list_count> count(const list_query& query) const override {
    return ask([&](const readable& r) { return r.count(query); });
  }
  result<std::vector<history_event>> history(std::string_view id, std::uint64_t after,
                                             std::size_t limit) const override {
    return ask([&](const readable& r) { return r.history(id, after, limit); });
  }
  std::string runs_at() const override { return now_->runs_at(); }

 private:
  template <class Query>
  auto ask(Query query) const -> decltype(query(std::declval<const readable&>())) {
    auto answer = query(*now_);
    if (answer || answer.error().code() != errc::unreachable) return answer;
    auto again = open_directory(dir_);
    if (!again) return again.error();
    now_ = *std::move(again);
    return query(*now_);
  }

  const fs::path dir_;
  mutable std::unique_ptr<readable> now_;
};

}  // namespace

result<std::unique_ptr<readable>> open_to_read(const common_options& common) {
  const auto& dir = common.data_dir;
  if (!server_of(common).empty()) {
    auto opened = open_server(common);
    if (!opened) return opened.error();
    return std::unique_ptr<readable>(*std::move(opened));
  }
  auto now = open_directory(dir);
  if (!now) return now.error();
  return std::unique_ptr<readable>(std::make_unique<directory>(dir, *std::move(now)));
}

result<std::unique_ptr<operable>> open_to_change(const common_options& common,
                                                 const std::optional<std::string>& id) {
  const auto& dir = common.data_dir;
  if (!server_of(common).empty()) return open_server(common);
  if (auto gone = missing(dir)) return *std::move(gone);
  // The owner may come or go meanwhile: one that starts has no socket yet, one that dies gives the
  // directory back a moment after its socket.
  constexpr int tries = 10;
  constexpr milliseconds pause{30};
  std::optional<int> owner;
  for (int i = 0; i < tries; ++i) {
    if (i > 0) std::this_thread::sleep_for(pause);
    owner = data_dir_owner(dir);
    if (owner) {
      if (auto asked = open_process(dir, *owner, this_user())) return *std::move(asked);
      continue;
    }
    auto own = open_paused(common, id);
    if (own || own.error().code() != errc::data_dir_locked) return own;
  }
  if (owner) return takes_no_requests(dir, *owner);
  return error{errc::data_dir_locked, dir.string() + ": it is opened and closed all the time"};
}

std::optional<error> needs_directory(const common_options& common, std::string_view command) {
  const auto server = server_of(common);
  if (server.empty()) return std::nullopt;
  return error{errc::invalid_argument,
               "tenax " + std::string(command) + " works on a data directory, not over a server (" +
                   (common.server.empty() ? "TENAX_SERVER is " : "--server ") + server +
                   "): run it where the directory is, with --data-dir"};
}

}  // namespace tenax::node
