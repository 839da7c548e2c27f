#include "node/read_commands.hpp"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "node/engines.hpp"
#include "node/render.hpp"
#include "node/text.hpp"

namespace tenax::node {

namespace {

/// What one call may ask for (list_query), and how many events are held at once.
constexpr std::size_t page_max = 1'000;

wall_time now() { return std::chrono::floor<milliseconds>(std::chrono::system_clock::now()); }

int cannot_open(const common_options& common, const error& e) {
  const auto server = server_of(common);
  return server.empty() ? report_error(common, "cannot read the data directory", e)
                        : report_error(common, "cannot read from the server", e);
}

/// The query, or what is wrong with the options.
result<list_query> make_query(const list_options& o) {
  list_query q;
  if (!o.status.empty()) {
    q.status = parse_workflow_status(o.status);
    if (!q.status)
      return error{errc::invalid_argument, "--status " + o.status +
                                               ": use pending, in_progress, "
                                               "completed, failed or cancelled"};
  }
  q.open = o.open;
  if (!o.name.empty()) q.name = o.name;
  if (!o.reference.empty()) q.reference = o.reference;
  if (!o.error_class.empty()) q.error_class = o.error_class;
  if (!o.waiting.empty()) {
    q.waiting = parse_waiting_for(o.waiting);
    if (!q.waiting)
      return error{errc::invalid_argument,
                   "--waiting " + o.waiting +
                       ": use dependencies, schedule, retry, timer, outside, "
                       "thread, decision or nothing"};
  }
  if (o.to_decide) {
    if (q.waiting && q.waiting != waiting_for::decision)
      return error{errc::invalid_argument,
                   "--to-decide and --waiting " + o.waiting + " are two different questions"};
    q.waiting = waiting_for::decision;
  }
  q.newest_first = o.newest_first;
  for (const auto& [option, text, target] :
       {std::tuple{"--since ", &o.since, &q.from}, std::tuple{"--until ", &o.until, &q.until}}) {
    if (text->empty()) continue;
    *target = parse_time(*text);
    if (!*target)
      return error{errc::invalid_argument, option + *text +
                                               ": use a date or RFC 3339, as "
                                               "2026-03-01T12:00:00Z"};
  }
  q.page_token = o.page_token;
  return q;
}

template <class View>
void put_list(model::json_writer& out, std::string_view name, const std::vector<View>& views) {
  out.begin_array(name);
  for (const auto& view : views) put_object(out, view);
  out.end_array();
}

/// Calls `use` with the history in pieces.
template <class Use>
std::optional<error> each_page(const readable& from, const std::string& id, std::uint64_t after,
                               std::size_t limit, Use use) {
  while (limit > 0) {
    auto events = from.history(id, after, std::min(limit, page_max));
    if (!events) return events.error();
    if (events->empty()) break;
    limit -= std::min(limit, events->size());
    after = events->back().seq;
    use(std::move(*events));
  }
  return std::nullopt;
}

}  // namespace

namespace {

int count_command(const common_options& common, const readable& from, list_query query) {
  std::uint64_t count = 0;
  do {
    auto some = from.count(query);
    if (!some) return report_error(common, "cannot count", some.error());
    count += some->count;
    query.page_token = std::move(some->next_page_token);
  } while (!query.page_token.empty());
  if (common.json)
    print_line(json{{"count", count}});
  else
    print(std::to_string(count) + '\n');
  return finish_output(exit_ok);
}

}  // namespace

int list_command(const common_options& common, const list_options& o) {
  auto query = make_query(o);
  if (!query) return report_error(common, "bad option", query.error());
  const auto opened = open_to_read(common);
  if (!opened) return cannot_open(common, opened.error());
  const auto& from = **opened;
  if (o.count) return count_command(common, from, *query);
  std::vector<workflow_summary> found;
  do {  // a page may be short, even empty, before the last one
    query->limit = std::min(o.limit - found.size(), page_max);
    auto page = from.list(*query);
    if (!page) return report_error(common, "cannot list", page.error());
    std::move(page->items.begin(), page->items.end(), std::back_inserter(found));
    query->page_token = std::move(page->next_page_token);
  } while (!query->page_token.empty() && found.size() < o.limit);

  if (common.json) {
    print_line(model::object_text([&](model::json_writer& out) {
      put_list(out, "workflows", found);
      out.string("next_page_token", query->page_token);
    }));
  } else {
    print(render_list(found, now()));
    if (!query->page_token.empty())
      print("more: --page-token " + printable(query->page_token) + '\n');
  }
  return finish_output(exit_ok);
}

int show_command(const common_options& common, const show_options& o) {
  const auto opened = open_to_read(common);
  if (!opened) return cannot_open(common, opened.error());
  const auto& from = **opened;
  const auto view = from.get(o.id);
  if (!view) return report_error(common, about(o.id), view.error());
  if (common.json) {
    print_line(to_json(*view));
    return finish_output(exit_ok);
  }
  const auto why = from.explain(o.id);
  if (!why) return report_error(common, about(o.id), why.error());
  print(render_workflow(*view, *why, {why->now, from.runs_at(), o.all, named_by(common)}));
  return finish_output(exit_ok);
}

int explain_command(const common_options& common, const explain_options& o) {
  const auto opened = open_to_read(common);
  if (!opened) return cannot_open(common, opened.error());
  const auto& from = **opened;
  const auto why = from.explain(o.id);
  if (!why) return report_error(common, about(o.id), why.error());
  if (common.json)
    print_line(to_json(*why));
  else
    print(render_explanation(*why, {why->now, from.runs_at(), false, named_by(common)}));
  return finish_output(exit_ok);
}

int history_command(const common_options& common, const history_options& o) {
  const auto opened = open_to_read(common);
  if (!opened) return cannot_open(common, opened.error());
  const auto& from = **opened;
  if (const auto known = from.summary(o.id); !known)
    return report_error(common, about(o.id), known.error());
  std::vector<history_event> events;
  const auto failed = each_page(from, o.id, o.after, o.limit, [&](std::vector<history_event> p) {
    std::move(p.begin(), p.end(), std::back_inserter(events));
  });
  if (failed) return report_error(common, about(o.id), *failed);
  if (common.json) {
    print_line(model::object_text([&](model::json_writer& out) {
      out.string("workflow", o.id);
      put_list(out, "events", events);
    }));
  } else {
    print(render_history(events));
  }
  return finish_output(exit_ok);
}

int verify_command(const common_options& common) {
  if (const auto no = needs_directory(common, "verify"))
    return report_error(common, "cannot verify", *no);
  if (const auto gone = missing(common.data_dir)) return cannot_open(common, *gone);
  const auto report = verify(common.data_dir);
  if (!report) return cannot_open(common, explained(report.error(), common.data_dir));
  if (common.json)
    print_line(to_json(*report));
  else
    print(render_findings(*report));
  return finish_output(report->findings_total == 0 ? exit_ok : exit_findings);
}

}  // namespace tenax::node
