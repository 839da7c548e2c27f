// The server as a whole: where it listens, how it ends, what it tells about itself.
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <thread>

#include "node/api/problems.hpp"
#include "tests/unit/server/support.hpp"

using namespace tenax;
using namespace tenax::api::tests;

BOOST_FIXTURE_TEST_SUITE(api_server, fixture)

BOOST_AUTO_TEST_CASE(every_error_has_its_status_and_class) {
  const std::map<errc, int> all{{errc::invalid_spec, 422},
                                {errc::conflict, 409},
                                {errc::not_found, 404},
                                {errc::invalid_argument, 400},
                                {errc::wrong_state, 409},
                                {errc::overloaded, 429},
                                {errc::closing, 503},
                                {errc::timed_out, 503},
                                {errc::data_dir_locked, 503},
                                {errc::data_dir_unusable, 500},
                                {errc::format_too_new, 500},
                                {errc::corrupt, 500},
                                {errc::storage_unavailable, 503},
                                {errc::stopped, 503},
                                {errc::lease_lost, 409},
                                {errc::unreachable, 503}};
  BOOST_TEST(all.size() == static_cast<std::size_t>(errc::unreachable) + 1);
  for (const auto& [code, status] : all) {
    BOOST_TEST(api::status_of(code) == status, to_string(code));
    const auto p = json::parse(api::problem_text({code, "why"}, "id-1"));
    BOOST_TEST(p["code"] == to_string(code));
    BOOST_TEST(p["detail"] == "why");
    BOOST_TEST(p["request_id"] == "id-1");
    // What may have happened says what to do.
    const bool is_unknown = classify(code) == error_class::unknown;
    BOOST_TEST((p["class"] == "unknown") == is_unknown);
    if (is_unknown) {
      BOOST_TEST(p["advice"].get<std::string>().find("repeat it with the same id") !=
                 std::string::npos);
    }
  }
}

BOOST_AUTO_TEST_CASE(what_cannot_be_listened_on_is_refused) {
  start();
  BOOST_TEST(!server::start(*engine, {}));
  BOOST_TEST(!server::start(*engine, {.listen = {"127.0.0.1:0"}, .request_threads = 0}));
  BOOST_TEST(!server::start(*engine, {.listen = {front->addresses()[0]}}));  // it is taken
  for (const auto* address : {"localhost:0", "127.0.0.2:0"})
    BOOST_TEST(!!server::start(*engine, {.listen = {address}}), address);
}

BOOST_AUTO_TEST_CASE(the_unix_socket_is_for_its_user_only) {
  places.unix_socket = dir / "api.sock";
  start();
  struct ::stat info {};
  BOOST_REQUIRE(::stat(places.unix_socket.c_str(), &info) == 0);
  BOOST_TEST((info.st_mode & 0777) == 0600);
  client c(client::at_path{places.unix_socket.string()});
  c.get("/healthz");
  BOOST_TEST(c.read().status == 200);
  // Whatever becomes of its mode: who connects is looked at.
  if (::geteuid() == 0) {
    std::filesystem::permissions(dir, std::filesystem::perms(0755));
    std::filesystem::permissions(places.unix_socket, std::filesystem::perms::all);
    std::string got = "not asked";
    std::thread([&] {
      // Of this thread alone: the C library would change all of them.
      if (::syscall(SYS_setresuid, -1, 65'534, -1) != 0) return;
      try {
        client other(client::at_path{places.unix_socket.string()});
        other.get("/healthz");
        got = other.rest();
      } catch (const std::exception& e) {
        got = e.what();
      }
    }).join();
    BOOST_TEST(got == "");
  }
  front.reset();
  BOOST_TEST(!std::filesystem::exists(places.unix_socket));
}

BOOST_AUTO_TEST_CASE(a_backup_is_made_over_the_unix_socket_only) {
  places.unix_socket = dir / "api.sock";
  submit("w", "noop");
  const auto over_socket = [&](const std::string& body) {
    client c(client::at_path{places.unix_socket.string()});
    c.request("POST", "/v1/backup", "", body);
    auto a = c.read();
    keep_answer("POST", "/v1/backup", a);
    return a;
  };
  const auto copy = (dir / "copy").string();
  const auto asked = json{{"dir", copy}}.dump();
  refused(post("/v1/backup", asked), 403, "forbidden");
  BOOST_TEST(!std::filesystem::exists(copy));
  BOOST_TEST(must(over_socket(asked))["backup"] == copy);
  BOOST_TEST(reader::open(copy).value().summary("w").has_value());
  refused(over_socket(asked), 400, "invalid_argument");  // it is there
  for (const auto* wrong :
       {"", "{}", R"({"dir":"relative"})", R"({"dir":1})", R"({"dir":"/tmp/x","mode":7})"})
    refused(over_socket(wrong), 400, "invalid_argument");
}

BOOST_AUTO_TEST_CASE(pages_of_other_sites_are_refused) {
  start();
  auto c = connect();
  c.send("GET /v1/workflows HTTP/1.1\r\nHost: evil.example\r\n\r\n");
  refused(c.read(), 421, "misdirected_request");
  refused(get("/v1/workflows", "Origin: http://evil.example\r\n"), 403, "forbidden");
  refused(get("/v2"), 404, "no_such_path");
  refused(ask("PUT", "/v1/workflows"), 405, "method_not_allowed");
}

BOOST_AUTO_TEST_CASE(draining_answers_those_who_wait_and_says_so) {
  submit("w", "ask");
  BOOST_TEST(must(get("/readyz"))["status"] == "ok");
  BOOST_REQUIRE(
      eventually([&] { return workflow("w", "?summary")["workflow"]["actions"]["outside"] == 1; }));
  auto waits = connect();
  waits.get("/v1/workflows/w?summary&wait_ms=60000");
  BOOST_REQUIRE(eventually(
      [&] { return get("/metrics").body.find("tenax_http_waits 1\n") != std::string::npos; }));
  front->drain();
  BOOST_TEST(must(waits.read())["workflow"]["status"] == "in_progress");
  BOOST_TEST(must(get("/readyz"), 503)["status"] == "draining");
  BOOST_TEST(must(get("/healthz"))["status"] == "ok");
  BOOST_TEST(workflow("w", "?summary&wait_ms=60000")["workflow"]["id"] == "w");  // at once
  BOOST_REQUIRE(engine->drain(std::chrono::seconds(10)));
  refused(post("/v1/workflows", spec("w2", "noop")), 503, "closing");
  engine->close();
  refused(post("/v1/workflows/w/cancel"), 503, "closing");
  BOOST_TEST(workflow("w")["workflow"]["id"] == "w");  // queries still work
}

BOOST_AUTO_TEST_CASE(stopping_under_load_answers_what_was_acknowledged) {
  start();
  std::atomic<bool> over{false};
  std::mutex mutex;
  std::set<std::string> acknowledged;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      try {
        auto c = connect();
        for (int i = 0; !over; ++i) {
          const auto id = std::to_string(t) + "-" + std::to_string(i);
          const auto document = spec(id, "noop");
          c.send("POST /v1/workflows HTTP/1.1\r\nHost: localhost\r\nContent-Length: " +
                 std::to_string(document.size()) + "\r\n\r\n" + document);
          if (!c.line().starts_with("HTTP/1.1 201")) return;
          while (!c.line().empty()) {
          }
          (void)c.bytes(std::string_view("{\"id\":\"\",\"existed\":false}\n").size() + id.size());
          const std::lock_guard lock(mutex);
          acknowledged.insert(id);
        }
      } catch (const std::exception&) {  // the server closed
      }
    });
  }
  BOOST_REQUIRE(eventually([&] {
    const std::lock_guard lock(mutex);
    return acknowledged.size() > 100;
  }));
  front->stop(std::chrono::seconds(10));
  over = true;
  for (auto& t : threads) t.join();
  for (const auto& id : acknowledged) BOOST_TEST(!!engine->summary(id), id);
  front->stop(milliseconds(0));  // again does nothing
}

BOOST_AUTO_TEST_CASE(a_server_that_goes_first_leaves_the_engine_alone) {
  submit("w", "ask");
  auto c = connect();
  c.get("/v1/workflows/w?wait_ms=60000");
  for (int i = 0; i < 200; ++i) c.send("");
  front.reset();
  BOOST_REQUIRE(engine->cancel("w"));
  auto again = server::start(*engine, {.listen = {"127.0.0.1:0"}});
  BOOST_REQUIRE(again);
  front.emplace(std::move(*again));
  BOOST_TEST(workflow("w")["workflow"]["status"] == "cancelled");
}

BOOST_AUTO_TEST_CASE(it_tells_about_itself) {
  submit("w", "noop");
  BOOST_TEST(status_at_end("w") == "completed");
  BOOST_TEST(must(get("/v1/stats"))["completed"] == 1);
  BOOST_TEST(must(get("/v1/version"))["api"] == "v1");
  const auto types = must(get("/v1/types"))["types"];
  const auto noop =
      std::find_if(types.begin(), types.end(), [](const json& t) { return t["type"] == "noop"; });
  BOOST_REQUIRE(noop != types.end());
  BOOST_TEST((*noop)["succeeded"] == 1);
  BOOST_TEST((*noop)["to_start"]["counts"].size() == time_histogram::classes);
}

BOOST_AUTO_TEST_CASE(metrics_are_what_prometheus_reads) {
  submit("w", "noop");
  BOOST_TEST(status_at_end("w") == "completed");
  (void)get("/v1/workflows/nobody");
  const auto a = get("/metrics");
  BOOST_TEST(a.headers.at("content-type").starts_with("text/plain; version=0.0.4"));
  for (const auto* line :
       {"tenax_workflows_submitted_total 1\n", "tenax_workflows{status=\"completed\"} 1\n",
        "tenax_attempts_ended_total{type=\"noop\",outcome=\"succeeded\"} 1\n",
        "tenax_schedule_to_start_seconds_count{type=\"noop\"} 1\n",
        "tenax_http_requests_total{method=\"POST\",path=\"/v1/workflows\",code=\"201\"} 1\n",
        "tenax_http_requests_total{method=\"GET\",path=\"/v1/workflows/{id}\",code=\"404\"} 1\n",
        "tenax_healthy 1\n"})
    BOOST_TEST(a.body.find(line) != std::string::npos, line);
  if (std::system("command -v promtool >/dev/null 2>&1") != 0) {
    BOOST_TEST_MESSAGE("promtool is not here (package prometheus): not checked");
    return;
  }
  const auto file = (dir / "metrics").string();
  std::ofstream(file) << a.body;
  BOOST_TEST(std::system(("promtool check metrics <" + file + " >&2").c_str()) == 0);
}

namespace {

/// All texts of the members of this name, wherever they are in the document.
void collect(const json& in, std::string_view name, std::vector<std::string>& out) {
  for (const auto& [key, value] : in.items()) {
    if (value.is_structured()) collect(value, name, out);
    if (in.is_object() && key == name && value.is_string()) out.push_back(value);
  }
}

/// Names of metrics and of their labels, which a query names.
std::set<std::string> words_of(const std::string& text, const std::regex& pattern) {
  std::set<std::string> out;
  for (std::sregex_iterator at(text.begin(), text.end(), pattern), end; at != end; ++at)
    out.insert((*at)[1]);
  return out;
}

}  // namespace

BOOST_AUTO_TEST_CASE(every_metric_of_the_dashboard_is_one_that_is_exposed) {
  opts.handlers.add_worker("render");
  places.send_spans = [](const auto&, const auto&) { return span_receipt(); };
  submit("w", "noop");
  submit("film", "render");
  const auto file = std::string(TENAX_SOURCE_DIR) + "/examples/grafana.json";
  std::ifstream in(file);
  const auto dashboard = json::parse(in);
  std::vector<std::string> queries;
  for (const auto* name : {"expr", "query"}) collect(dashboard, name, queries);
  BOOST_TEST_REQUIRE(queries.size() > 30);

  must(get("/v1/stats"));  // is in the figures of the next
  const auto a = get("/metrics");
  const auto exposed = words_of(a.body, std::regex("(?:^|\n)(tenax_[a-z_]+)"));
  auto labels = words_of(a.body, std::regex("[{,]([a-z]+)=\""));
  labels.insert({"job", "instance", "__name__"});  // of Prometheus
  const std::regex metric("(tenax_[a-z_]+)");
  const std::regex label("[{,] ?([a-z_]+)=~?\"");
  const std::regex grouped("by \\(([a-z_, ]+)\\)");
  std::set<std::string> shown;
  for (const auto& q : queries) {
    for (const auto& name : words_of(q, metric)) {
      BOOST_TEST(exposed.contains(name), name << " in " << q);
      shown.insert(name);
    }
    for (const auto& name : words_of(q, label)) BOOST_TEST(labels.contains(name), name << q);
    for (const auto& names : words_of(q, grouped)) {
      for (const auto& name : words_of(names, std::regex("([a-z_]+)")))
        BOOST_TEST(labels.contains(name), name << " in " << q);
    }
  }
  BOOST_TEST(shown.contains("tenax_schedule_to_start_seconds_bucket"));
  BOOST_TEST(shown.contains("tenax_worker_polls_waiting"));

  if (std::system("command -v promtool >/dev/null 2>&1") != 0) {
    BOOST_TEST_MESSAGE("promtool is not here (package prometheus): queries are not parsed");
    return;
  }
  auto rules = json::array();
  queries.clear();
  collect(dashboard, "expr", queries);
  for (auto q : queries) {
    q = std::regex_replace(q, std::regex("\\$__rate_interval"), "5m");
    rules.push_back(
        {{"record", "q"}, {"labels", {{"n", std::to_string(rules.size())}}}, {"expr", q}});
  }
  const auto made = (dir / "rules.yml").string();  // JSON is YAML
  std::ofstream(made) << json{{"groups", {{{"name", "dashboard"}, {"rules", rules}}}}};
  BOOST_TEST(std::system(("promtool check rules " + made + " >&2").c_str()) == 0);
}

BOOST_AUTO_TEST_CASE(a_page_of_another_site_gets_nothing_by_its_readers_browser) {
  const auto from = [&](std::string_view path, std::string_view site, std::string_view mode) {
    return get(path, "Sec-Fetch-Site: " + std::string(site) +
                         "\r\nSec-Fetch-Mode: " + std::string(mode) + "\r\n")
        .status;
  };
  for (const auto* site : {"cross-site", "same-site"}) {
    BOOST_TEST(from("/v1/workflows?reason=x", site, "no-cors") == 403);
    BOOST_TEST(from("/v1/stats", site, "navigate") == 403);
    BOOST_TEST(from("/metrics", site, "navigate") == 403);
    BOOST_TEST(from("/?plain", site, "no-cors") == 403);
    BOOST_TEST(from("/", site, "navigate") == 200);  // a link to the page
  }
  for (const auto* site : {"same-origin", "none"}) {
    BOOST_TEST(from("/v1/stats", site, "cors") == 200);
    BOOST_TEST(from("/v1/stats", site, "navigate") == 200);
  }
}

BOOST_AUTO_TEST_CASE(a_body_that_nobody_reads_is_refused_before_it_comes) {
  for (const auto* path : {"/v1/stats", "/v1/workflows", "/healthz", "/"}) {
    BOOST_TEST(ask("GET", path, "{}").status == 413, path);
  }
  must(get("/v1/stats", "Content-Length: 0\r\n"));
}

BOOST_AUTO_TEST_CASE(a_page_of_large_events_is_bounded) {
  const std::string large(600'000, 'x');
  std::string actions;
  for (int i = 0; i < 12; ++i) {
    actions += (i > 0 ? "," : "") + (R"({"key":"a)" + std::to_string(i) +
                                     R"(","type":"echo","input":")" + large + "\"}");
  }
  opts.handlers.add("echo",
                    [](const action_context& c) { return outcome::success(std::string(c.input)); });
  start();
  must(post("/v1/workflows", R"({"id":"w","name":"n","actions":[)" + actions + "]}"), 201);
  BOOST_TEST(status_at_end("w") == "completed");
  std::uint64_t after = 0;
  std::uint64_t events = 0;
  for (bool is_more = true; is_more;) {
    const auto a = get("/v1/workflows/w/history?after=" + std::to_string(after));
    BOOST_TEST(a.body.size() < 6U << 20);
    const auto page = must(a);
    events += page["events"].size();
    is_more = !page["next_after"].is_null();
    if (is_more) after = page["next_after"];
  }
  BOOST_TEST(events == must(get("/v1/workflows/w?summary"))["workflow"]["events"]);
  BOOST_TEST(get("/w/w?plain").body.size() < 1U << 20);
}

BOOST_AUTO_TEST_SUITE_END()
