#include "node/token_command.hpp"

#include <charconv>
#include <chrono>
#include <utility>

#include "node/api/tokens.hpp"

namespace tenax::node {

namespace {

using api::token_entry;

wall_time now() {
  return std::chrono::time_point_cast<milliseconds>(std::chrono::system_clock::now());
}

constexpr std::string_view after_change = "a server that runs knows it after SIGHUP";

/// "90d", "12h", or a time.
std::optional<wall_time> parse_expiry(std::string_view text, wall_time from) {
  constexpr std::int64_t most = 100'000;
  std::int64_t n = 0;
  const auto* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, n);
  if (read.ec == std::errc{} && read.ptr + 1 == end && n > 0 && n <= most) {
    if (*read.ptr == 'd') return from + std::chrono::hours(24 * n);
    if (*read.ptr == 'h') return from + std::chrono::hours(n);
  }
  return parse_time(text);
}

json to_json(const token_entry& t) {
  json out{{"id", t.id}, {"name", t.name}, {"scopes", json::array()}};
  for (const auto name : api::scope_names) {
    if (t.scopes.has(*api::parse_scope(name))) out["scopes"].push_back(name);
  }
  out["created"] = format_time(t.created);
  if (t.expires) out["expires"] = format_time(*t.expires);
  return out;
}

}  // namespace

int token_create_command(const common_options& common, const token_options& o) {
  api::scope_set scopes;
  for (const auto& name : o.scopes) {
    if (const auto known = api::parse_scope(name)) scopes.add(*known);
  }
  const auto at = now();
  std::optional<wall_time> expires;
  if (o.expires) {
    expires = parse_expiry(*o.expires, at);
    if (!expires || *expires <= at) {
      return report_usage(common, {"--expires must be a time that comes, a date, or a time from "
                                   "now as 90d or 12h"});
    }
  }
  const auto made = api::make_token(o.name, scopes, expires, at);
  if (!made) return report_error(common, "the token", made.error());
  if (auto added = api::add_token(o.file, made->entry); !added)
    return report_error(common, "the token was not made", added.error());
  if (common.json) {
    auto out = to_json(made->entry);
    out["token"] = made->text;
    print_line(out);
  } else {
    print(made->text + '\n');
    complain("this is the only time that the token is shown; its id is " + made->entry.id + "; " +
             std::string(after_change));
  }
  return finish_output(exit_ok);
}

int token_list_command(const common_options& common, const token_options& o) {
  const auto known = api::token_table::load(o.file);
  if (!known) return report_error(common, "the tokens", known.error());
  if (common.json) {
    json all = json::array();
    for (const auto& t : known->entries()) all.push_back(to_json(t));
    print_line({{"tokens", std::move(all)}});
    return finish_output(exit_ok);
  }
  table rows({"ID", "SCOPES", "CREATED", "EXPIRES", "NAME"});
  for (const auto& t : known->entries()) {
    const bool is_over = t.expires && *t.expires <= now();
    rows.add(
        {t.id, t.scopes.text(), format_time(t.created),
         (t.expires ? format_time(*t.expires) : std::string("never")) + (is_over ? " (over)" : ""),
         printable(t.name)});
  }
  print(rows.text());
  return finish_output(exit_ok);
}

int token_revoke_command(const common_options& common, const token_options& o) {
  const auto gone = api::remove_token(o.file, o.id);
  if (!gone) return report_error(common, "the token was not revoked", gone.error());
  if (common.json) {
    print_line({{"revoked", to_json(*gone)}});
  } else {
    print("revoked " + gone->id + " (" + printable(gone->name) + "); " + std::string(after_change) +
          '\n');
  }
  return finish_output(exit_ok);
}

}  // namespace tenax::node
