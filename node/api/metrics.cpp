#include "node/api/metrics.hpp"

#include <algorithm>
#include <charconv>

namespace tenax::api {

void route_figures::count(int status, std::chrono::nanoseconds time, bool waited) noexcept {
  const auto* const at = std::find(statuses.begin(), statuses.end() - 1, status);
  answers_[static_cast<std::size_t>(at - statuses.begin())].fetch_add(1, std::memory_order_relaxed);
  if (waited) return;
  const auto us = static_cast<std::uint64_t>(
      std::max<std::int64_t>(0, std::chrono::floor<std::chrono::microseconds>(time).count()));
  const auto* const end = std::lower_bound(ends_us.begin(), ends_us.end(), us);
  times_[static_cast<std::size_t>(end - ends_us.begin())].fetch_add(1, std::memory_order_relaxed);
  total_us_.fetch_add(us, std::memory_order_relaxed);
}

/// Writes families of metrics.
class exposition {
 public:
  void family(std::string_view name, std::string_view type, std::string_view help) {
    name_ = name;
    out_.append("# HELP ").append(name).append(" ").append(help);
    out_.append("\n# TYPE ").append(name).append(" ").append(type).append("\n");
  }
  /// `labels`: {name, value} pairs.
  template <class Number>
  void sample(Number value, const std::vector<std::pair<std::string_view, std::string>>& labels,
              std::string_view suffix = {}) {
    out_.append(name_).append(suffix);
    if (!labels.empty()) {
      out_ += '{';
      for (const auto& [name, text] : labels) {
        if (out_.back() != '{') out_ += ',';
        out_.append(name).append("=\"");
        for (const char c : text) {
          if (c == '\\' || c == '"') out_ += '\\';
          c == '\n' ? out_ += "\\n" : out_ += c;
        }
        out_ += '"';
      }
      out_ += '}';
    }
    out_ += ' ';
    append(value);
    out_ += '\n';
  }
  void counter(std::string_view name, std::string_view help, std::uint64_t value) {
    family(name, "counter", help);
    sample(value, {});
  }
  void gauge(std::string_view name, std::string_view help, std::uint64_t value) {
    family(name, "gauge", help);
    sample(value, {});
  }

  void histogram(const time_histogram& h, const std::string& type) {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < time_histogram::classes; ++i) {
      sum += h.counts[i];
      const bool is_last = i + 1 == time_histogram::classes;
      sample(sum,
             {{"type", type},
              {"le", is_last ? "+Inf" : text(static_cast<double>(std::uint64_t{1} << i) / 1e3)}},
             "_bucket");
    }
    sample(static_cast<double>(h.total.count()) / 1e3, {{"type", type}}, "_sum");
    sample(sum, {{"type", type}}, "_count");
  }
  void answers(const route_figures& r) {
    for (std::size_t i = 0; i < route_figures::statuses.size(); ++i) {
      const auto n = r.answers_[i].load(std::memory_order_relaxed);
      const int status = route_figures::statuses[i];
      if (n > 0) {
        sample(n, {{"method", std::string(r.method_)},
                   {"path", std::string(r.path_)},
                   {"code", status == 0 ? "other" : text(status)}});
      }
    }
  }
  void times(const route_figures& r) {
    const std::pair<std::string_view, std::string> method{"method", r.method_};
    const std::pair<std::string_view, std::string> path{"path", r.path_};
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < r.times_.size(); ++i) {
      sum += r.times_[i].load(std::memory_order_relaxed);
      const auto le =
          i < route_figures::ends_us.size() ? text(route_figures::ends_us[i] / 1e6) : "+Inf";
      sample(sum, {method, path, {"le", le}}, "_bucket");
    }
    const auto total = static_cast<double>(r.total_us_.load(std::memory_order_relaxed));
    sample(total / 1e6, {method, path}, "_sum");
    sample(sum, {method, path}, "_count");
  }

  [[nodiscard]] std::string take() { return std::move(out_); }

 private:
  template <class Number>
  static std::string text(Number n) {
    std::array<char, 32> digits{};
    return {digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), n).ptr};
  }
  template <class Number>
  void append(Number n) {
    out_ += text(n);
  }

  std::string_view name_;
  std::string out_;
};

namespace {

void print_engine(exposition& out, const engine& of) {
  const auto s = of.stats();
  out.counter("tenax_workflows_submitted_total", "Workflows accepted, ever.", s.submitted);
  out.family("tenax_workflows", "gauge", "Workflows that are stored, by status.");
  out.sample(s.open, {{"status", "open"}});
  out.sample(s.completed, {{"status", "completed"}});
  out.sample(s.failed, {{"status", "failed"}});
  out.sample(s.cancelled, {{"status", "cancelled"}});
  out.counter("tenax_workflows_removed_total", "Workflows removed after their end, ever.",
              s.removed);
  out.gauge("tenax_workflows_active", "Workflows in memory.", s.active);
  out.counter("tenax_commits_total", "Commits of workflows since the start.", s.commits);
  out.counter("tenax_syncs_total", "Writes to disk, each of many commits, since the start.",
              s.syncs);
  out.counter("tenax_attempts_total", "Handler calls since the start.", s.attempts);
  out.counter("tenax_late_results_total",
              "Outcomes that came after their attempt was given up, since the start.",
              s.late_results);
  out.gauge("tenax_epoch", "Grows at each start on the data directory.", s.epoch);
  out.gauge("tenax_handlers_running", "Blocking handlers that run.", s.handlers_running);
  out.gauge("tenax_handlers_stuck", "Handlers that were given up and have not returned.",
            s.handlers_stuck);
  out.gauge("tenax_actions_waiting", "Actions that are ready and wait for a place or a thread.",
            s.actions_waiting);
  out.gauge("tenax_disk_queue_bytes", "What waits to be written.", s.bytes_to_disk);
  out.gauge("tenax_in_flight_bytes", "Inputs of handlers, and results that wait for the disk.",
            s.bytes_in_flight);
  out.gauge("tenax_healthy", "0 after a failed commit or read, until the next start.",
            of.healthy() ? 1 : 0);
}

void print_types(exposition& out, const engine& of) {
  const auto types = of.type_stats();
  const auto of_each = [&](std::string_view name, std::string_view kind, std::string_view help,
                           auto value) {
    out.family(name, kind, help);
    for (const auto& t : types) out.sample(value(t), {{"type", t.type}});
  };
  out.family("tenax_attempts_ended_total", "counter", "How attempts ended since the start.");
  for (const auto& t : types) {
    const auto one = [&](const char* how, std::uint64_t n) {
      out.sample(n, {{"type", t.type}, {"outcome", how}});
    };
    one("succeeded", t.succeeded);
    one("failed", t.failed);
    one("fatal", t.fatal);
    one("deferred", t.deferred);
    one("opened", t.opened);
    one("unknown", t.unknown);
    one("timed_out", t.timed_out);
  }
  of_each("tenax_attempts_started_total", "counter", "Handler calls by type, since the start.",
          [](const auto& t) { return t.started; });
  of_each("tenax_type_handlers_running", "gauge", "Handlers of blocking types that run.",
          [](const auto& t) { return t.running; });
  of_each("tenax_type_handlers_limit", "gauge", "How many of them may run at once.",
          [](const auto& t) { return t.running_max; });
  of_each("tenax_type_actions_let_in", "gauge", "Actions with a place in their type's lane.",
          [](const auto& t) { return t.let_in; });
  of_each("tenax_type_workflows_in_row", "gauge", "Workflows in memory that wait for a place.",
          [](const auto& t) { return t.in_row; });
  out.family("tenax_schedule_to_start_seconds", "histogram",
             "From when an action could have run to its handler's start.");
  for (const auto& t : types) out.histogram(t.to_start, t.type);
  out.family("tenax_handler_seconds", "histogram", "How long handlers of blocking types ran.");
  for (const auto& t : types) out.histogram(t.handling, t.type);
}

void print_workers(exposition& out, const engine& of, const server_figures& server) {
  const auto types = of.worker_stats();
  const auto of_each = [&](std::string_view name, std::string_view kind, std::string_view help,
                           auto value) {
    out.family(name, kind, help);
    for (const auto& t : types) out.sample(value(t), {{"type", t.type}});
  };
  of_each("tenax_worker_polls_waiting", "gauge", "Polls of workers that wait, by type.",
          [](const auto& t) { return t.polls_waiting; });
  of_each("tenax_worker_workflows_in_row", "gauge",
          "Workflows in memory that wait for a worker, by type.",
          [](const auto& t) { return t.in_row; });
  of_each("tenax_worker_tasks_total", "counter", "Tasks given to workers, since the start.",
          [](const auto& t) { return t.delivered; });
  of_each("tenax_worker_tasks_given_back_total", "counter",
          "Tasks whose worker had left before it got them, since the start.",
          [](const auto& t) { return t.given_back; });
  out.family("tenax_worker_schedule_to_start_seconds", "histogram",
             "From when an action could have been given to a worker until it was.");
  for (const auto& t : types) out.histogram(t.to_start, t.type);
  const auto now = std::chrono::floor<milliseconds>(std::chrono::system_clock::now());
  of_each("tenax_worker_oldest_ready_seconds", "gauge",
          "How long the action has waited that has waited longest, of those in memory.",
          [&](const auto& t) {
            const auto since = t.oldest_ready_at.value_or(now);
            return static_cast<double>(std::max(now - since, milliseconds(0)).count()) / 1e3;
          });
  out.gauge("tenax_workers", "Workers seen over the API within the last hour.", server.workers);
}

void print_spans(exposition& out, const trace_figures& spans) {
  out.family("tenax_trace_spans_total", "counter",
             "Spans by what became of them: sent, dropped because too many waited, refused by the "
             "collector.");
  out.sample(spans.sent, {{"fate", "sent"}});
  out.sample(spans.dropped, {{"fate", "dropped"}});
  out.sample(spans.refused, {{"fate", "refused"}});
  out.counter("tenax_trace_changes_dropped_total",
              "Changes of workflows that came too fast to be looked at for spans.",
              spans.changes_dropped);
  out.gauge("tenax_trace_spans_waiting", "Spans that wait for the collector.", spans.waiting);
}

void print_server(exposition& out, const server_figures& server) {
  out.gauge("tenax_http_connections", "Open connections.", server.connections);
  out.gauge("tenax_http_waits", "Requests that wait for news about a workflow.", server.waits);
  out.family("tenax_http_streams", "gauge", "Event streams that are open, by what they tell.");
  out.sample(server.history_streams, {{"of", "history"}});
  out.sample(server.change_streams, {{"of", "changes"}});
  out.counter("tenax_http_streams_dropped_total",
              "Event streams that were ended because their readers were too slow.",
              server.streams_dropped);
  out.family("tenax_http_requests_total", "counter", "Requests answered, by route and status.");
  for (const auto* r : server.routes) out.answers(*r);
  out.family(
      "tenax_http_request_seconds", "histogram",
      "From a request's last byte to its answer; requests that were asked to wait excluded.");
  for (const auto* r : server.routes) out.times(*r);
}

}  // namespace

std::string print_metrics(const engine& of, const server_figures& server) {
  exposition out;
  print_engine(out, of);
  print_types(out, of);
  print_workers(out, of, server);
  print_server(out, server);
  if (server.spans) print_spans(out, *server.spans);
  return out.take();
}

}  // namespace tenax::api
