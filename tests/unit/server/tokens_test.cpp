// Tokens: what is kept of them, what they let in, and how that changes.
#include <sys/stat.h>

#include <fstream>
#include <set>
#include <thread>

#include "node/api/page.hpp"
#include "node/api/routes.hpp"
#include "node/api/tokens.hpp"
#include "tests/unit/server/support.hpp"

using namespace tenax;
using namespace tenax::api::tests;
using api::scope;
using api::scope_set;
using api::token_table;

namespace {

const wall_time noon{std::chrono::hours(24 * 20'000 + 12)};

scope_set scopes_of(std::initializer_list<scope> all) {
  scope_set out;
  for (const auto s : all) out.add(s);
  return out;
}

struct locked : fixture {
  locked() { places.token_file = dir / "tokens"; }

  std::string token_with(std::initializer_list<scope> all, const std::string& name = "test",
                         std::optional<wall_time> expires = {}) const {
    const auto made = api::make_token(name, scopes_of(all), expires, noon);
    BOOST_REQUIRE(made);
    BOOST_REQUIRE(api::add_token(places.token_file, made->entry));
    return made->text;
  }
  static std::string with(const std::string& token) {
    return "Authorization: Bearer " + token + "\r\n";
  }
  static std::string id_of(const std::string& token) { return token.substr(4, 8); }
};

std::string text_of(const std::filesystem::path& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(api_tokens, locked)

BOOST_AUTO_TEST_CASE(a_token_is_random_whole_and_kept_as_a_hash_only) {
  const auto token = token_with({scope::read, scope::work}, "a worker", noon);
  BOOST_TEST(token.size() == 71U);
  BOOST_TEST(token.starts_with("tnx_"));
  BOOST_TEST(token != token_with({scope::read}));
  const auto kept = text_of(places.token_file);
  BOOST_TEST(kept.find(token.substr(13, 20)) == std::string::npos);
  struct ::stat info {};
  BOOST_REQUIRE(::stat(places.token_file.c_str(), &info) == 0);
  BOOST_TEST((info.st_mode & 0777) == 0600);

  const auto table = token_table::load(places.token_file);
  BOOST_REQUIRE(table);
  BOOST_TEST(table->size() == 2U);
  const auto found = table->check(token, noon - milliseconds(1));
  BOOST_REQUIRE(found.who != nullptr);
  BOOST_TEST(found.who->name == "a worker");
  BOOST_TEST(found.who->scopes.text() == "read, work");
  BOOST_TEST(table->check(token, noon).why == "the token has expired");
  // Any other letter makes it a damaged one, and another secret of that id an unknown one.
  for (std::size_t i = 0; i < token.size(); ++i) {
    auto wrong = token;
    wrong[i] = wrong[i] == 'a' ? 'b' : 'a';
    BOOST_TEST(table->check(wrong, noon).why.find("damaged") != std::string_view::npos, wrong);
  }
  for (const auto& wrong : {std::string(), token + "0", token.substr(1), " " + token})
    BOOST_TEST(table->check(wrong, noon).why.find("damaged") != std::string_view::npos, wrong);
  const auto other = api::make_token("x", scopes_of({scope::admin}), {}, noon);
  BOOST_TEST(table->check(other->text, noon).why.find("not known") != std::string_view::npos);
}

BOOST_AUTO_TEST_CASE(a_token_without_name_or_scope_is_not_made) {
  BOOST_TEST(!api::make_token("", scopes_of({scope::read}), {}, noon));
  BOOST_TEST(!api::make_token("a\nb", scopes_of({scope::read}), {}, noon));
  BOOST_TEST(!api::make_token(std::string(101, 'a'), scopes_of({scope::read}), {}, noon));
  BOOST_TEST(!api::make_token("a", {}, {}, noon));
}

BOOST_AUTO_TEST_CASE(a_faulty_token_file_is_refused_with_its_line) {
  const auto line = [](std::string_view scopes, std::string_view more = "") {
    return R"({"id":"00000000","name":"n","scopes":)" + std::string(scopes) + R"(,"sha256":")" +
           std::string(64, 'a') + "\"" + std::string(more) + "}\n";
  };
  const auto good = line(R"(["read"])");
  BOOST_TEST(!!token_table::parse("# made by hand\n\n" + good));
  BOOST_TEST(token_table::parse("").value().size() == 0U);
  for (const auto& wrong :
       {std::string("tnx_secret\n"), std::string("{}"), line("[\"root\"]"), line("\"read\""),
        line("[1]"), line("[\"read\"]", ",\"more\":1"), line("[\"read\"]", ",\"expires\":\"x\"")}) {
    const auto table = token_table::parse("\n" + wrong);
    BOOST_TEST_REQUIRE(!table, wrong);
    BOOST_TEST(table.error().message().starts_with("line 2 "), table.error().message());
    BOOST_TEST(table.error().message().find("tnx_secret") == std::string::npos);
  }
  BOOST_TEST(!token_table::parse(good + good));  // twice
}

BOOST_AUTO_TEST_CASE(a_token_file_that_is_not_its_owners_alone_is_refused) {
  token_with({scope::read});
  const auto refused_as = [&](std::string_view why) {
    const auto table = token_table::load(places.token_file);
    BOOST_TEST_REQUIRE(!table);
    BOOST_TEST(table.error().message().find(why) != std::string::npos, table.error().message());
  };
  for (const int mode : {0640, 0604, 0620, 0602}) {
    BOOST_REQUIRE(::chmod(places.token_file.c_str(), static_cast<mode_t>(mode)) == 0);
    refused_as("chmod 600");
    BOOST_CHECK_THROW(start(), std::runtime_error);
    engine.reset();
    BOOST_TEST(!api::remove_token(places.token_file, "00000000"));
  }
  std::filesystem::remove(places.token_file);
  refused_as("No such file");
  std::filesystem::create_directory(places.token_file);
  refused_as("is no file");
}

BOOST_AUTO_TEST_CASE(a_token_file_that_root_changes_stays_its_owners) {
  if (::geteuid() != 0) {
    BOOST_TEST_MESSAGE("not root: not checked");
    return;
  }
  constexpr ::uid_t server = 12'345;
  const auto owner = [&] {
    struct ::stat info {};
    BOOST_REQUIRE(::stat(places.token_file.c_str(), &info) == 0);
    return info.st_uid;
  };
  BOOST_REQUIRE(::chown(dir.c_str(), server, server) == 0);
  const auto first = token_with({scope::read});  // a new file is as its directory
  BOOST_TEST(owner() == server);
  BOOST_REQUIRE(::chown(dir.c_str(), 0, 0) == 0);
  token_with({scope::read});
  BOOST_TEST(owner() == server);
  BOOST_REQUIRE(api::remove_token(places.token_file, id_of(first)));
  BOOST_TEST(owner() == server);
}

BOOST_AUTO_TEST_CASE(tokens_are_made_and_revoked_by_many_at_once) {
  const auto first = token_with({scope::read});
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([this] {
      for (int i = 0; i < 10; ++i) {
        const auto made = api::make_token("n", scopes_of({scope::read}), {}, noon);
        (void)api::add_token(places.token_file, made->entry);
        if (i % 2 == 0) (void)api::remove_token(places.token_file, made->entry.id);
      }
    });
  }
  for (auto& t : threads) t.join();
  BOOST_TEST(token_table::load(places.token_file).value().size() == 41U);
  const auto gone = api::remove_token(places.token_file, id_of(first));
  BOOST_TEST(gone->name == "test");
  BOOST_TEST(
      (api::remove_token(places.token_file, id_of(first)).error().code() == errc::not_found));
  BOOST_TEST(token_table::load(places.token_file).value().size() == 40U);
}

BOOST_AUTO_TEST_CASE(every_route_asks_for_a_token_of_its_scope) {
  const std::array all{scope::read, scope::submit, scope::work, scope::operate, scope::admin};
  std::map<scope, std::string> tokens;
  for (const auto s : all) tokens[s] = token_with({s});
  std::set<scope> seen;
  start();
  for (const auto& r : api::all_routes()) {
    seen.insert(r.needs);
    auto path = std::string(r.path);
    for (auto at = path.find('{'); at != path.npos; at = path.find('{'))
      path.replace(at, path.find('}') + 1 - at, "x");
    const auto status = [&](const std::string& headers) {
      auto c = connect();
      c.request(r.method, path, headers, "");
      return c.read_head().status;  // a stream has no end
    };
    if (r.needs == scope::nothing) {
      BOOST_TEST(r.method == "GET", path);
      BOOST_TEST(status("") == 200, path);
      continue;
    }
    const auto challenged = ask(r.method, path);
    refused(challenged, 401, "unauthorized");
    BOOST_TEST(challenged.headers.at("www-authenticate") == "Bearer realm=\"tenax\"");
    BOOST_TEST(challenged.headers.at("connection") == "close");
    for (const auto s : all) {
      if (s == r.needs || s == scope::admin) {
        const auto code = status(with(tokens[s]));
        BOOST_TEST((code != 401 && code != 403), r.method << " " << path << " " << code);
        continue;
      }
      const auto a = ask(r.method, path, "", with(tokens[s]));
      const auto p = refused(a, 403, "forbidden");
      const std::string needed(to_string(r.needs));
      BOOST_TEST(p["missing_scope"] == needed);
      BOOST_TEST(p["detail"].get<std::string>().find("scope " + needed) != std::string::npos);
      BOOST_TEST(a.headers.at("www-authenticate").find("insufficient_scope") != std::string::npos);
    }
  }
  BOOST_TEST(seen.size() == 6U);  // each scope is of use
  BOOST_TEST(get("/metrics", with(tokens[scope::read])).body.find("code=\"401\"} 1\n") !=
             std::string::npos);
}

BOOST_AUTO_TEST_CASE(the_page_shows_no_workflow_to_who_has_no_token) {
  const auto reads = with(token_with({scope::read, scope::submit}));
  const auto works = with(token_with({scope::work}));
  must(post("/v1/workflows", spec("unseen-7", "ask"), reads), 201);
  for (const auto* path : {"/?plain", "/w/unseen-7?plain", "/?plain&status=failed"}) {
    BOOST_TEST(get(path).status == 401, path);
    BOOST_TEST(get(path, works).status == 403, path);
    BOOST_TEST(get(path, reads).status == 200, path);
  }
  for (const auto* path : {"/", "/w/unseen-7", "/page/app.js", "/page/app.css"})
    BOOST_TEST(get(path).body.find("unseen-7") == std::string::npos, path);
}

BOOST_AUTO_TEST_CASE(what_is_no_good_token_lets_nobody_in) {
  const auto good = token_with({scope::read});
  const auto old = token_with({scope::read}, "old", noon);  // has expired
  const auto of_nobody = api::make_token("n", scopes_of({scope::admin}), {}, noon).value().text;
  must(get("/v1/stats", with(good)));
  must(get("/v1/stats", "authorization: bearer   " + good + "\r\n"));
  for (const auto& headers :
       {with(old), with(of_nobody), with(good + "0"), with(""), with(good + ", " + good),
        "Authorization: " + good + "\r\n", "Authorization: Basic " + good + "\r\n",
        std::string("Authorization:\r\n"), "X-Authorization: Bearer " + good + "\r\n",
        "Cookie: token=" + good + "\r\n"}) {
    const auto a = get("/v1/stats", headers);
    refused(a, 401, "unauthorized");
    BOOST_TEST(a.headers.at("www-authenticate").starts_with("Bearer realm="));
    BOOST_TEST(a.body.find(good) == std::string::npos);
  }
  refused(get("/v1/stats?token=" + good), 401, "unauthorized");
  refused(get("/v2"), 401, "unauthorized");  // who has no token learns nothing
  refused(get("/v2", with(good)), 404, "no_such_path");
  refused(ask("PUT", "/v1/stats"), 401, "unauthorized");
  BOOST_TEST(ask("HEAD", "/v1/stats").status == 401);
  BOOST_TEST(ask("OPTIONS", "/v1/stats").status == 401);
  BOOST_TEST(ask("HEAD", "/healthz").status == 200);
}

BOOST_AUTO_TEST_CASE(a_token_that_is_revoked_while_a_request_is_on_its_way_lets_nobody_in) {
  const auto token = token_with({scope::operate, scope::submit, scope::read}, "ann");
  must(post("/v1/workflows", spec("w", "ask"), with(token)), 201);
  const std::string body = R"({"who":"the CEO"})";
  const auto begin = [&](std::string_view method, const std::string& path) {
    client c(front->addresses().at(0));
    c.send(std::string(method) + " " + path + " HTTP/1.1\r\nHost: localhost\r\n" + with(token) +
           "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body.substr(0, 5));
    return c;
  };
  auto cancel = begin("POST", "/v1/workflows/w/cancel");
  auto poll = begin("POST", "/v1/workflows/w/retry");
  // Both are past the look at their heads once another request on a connection of the same thread
  // is.
  must(get("/v1/stats", with(token)));
  BOOST_REQUIRE(!!api::remove_token(places.token_file, id_of(token)));
  BOOST_REQUIRE(!!front->reload());
  cancel.send(body.substr(5));
  poll.send(body.substr(5));
  BOOST_TEST(cancel.read().status == 401);
  BOOST_TEST(poll.read().status == 401);
  const auto reads = with(token_with({scope::read}));
  BOOST_REQUIRE(!!front->reload());
  BOOST_TEST(eventually([&] {
    return must(get("/v1/workflows/w?summary", reads))["workflow"]["status"] == "in_progress";
  }));
}

BOOST_AUTO_TEST_CASE(the_history_names_the_token_of_who_asked) {
  const auto ann = with(token_with({scope::submit, scope::operate, scope::read}, "ann"));
  const auto cancelled_by = [&](const std::string& id, std::string_view body) {
    must(post("/v1/workflows", spec(id, "ask"), ann), 201);
    must(post("/v1/workflows/" + id + "/cancel", body, ann));
    const auto all = must(get("/v1/workflows/" + id + "/history", ann))["events"];
    for (const auto& e : all) {
      if (e["kind"] == "workflow_cancelled") return e["data"]["who"].get<std::string>();
    }
    return std::string("none");
  };
  BOOST_TEST(cancelled_by("w1", "{}") == "ann");
  BOOST_TEST(cancelled_by("w2", R"({"who":"ann"})") == "ann");
  BOOST_TEST(cancelled_by("w3", R"({"who":"bob"})") == "ann (bob)");  // she says it is bob
}

BOOST_AUTO_TEST_CASE(an_input_is_changed_by_who_may_submit_only) {
  const auto operates = with(token_with({scope::operate}));
  const auto both = with(token_with({scope::operate, scope::submit}));
  must(post("/v1/workflows", spec("w", "wait", R"({"seconds":60})"), both), 201);
  const auto change = [&](std::string_view body, const std::string& token) {
    return post("/v1/workflows/w/actions/a/change", body, token);
  };
  BOOST_TEST(change(R"({"input":{"seconds":61}})", operates).status == 403);
  must(change(R"({"policy":{"max_attempts":2}})", operates));
  must(change(R"({"input":{"seconds":61}})", both));
}

BOOST_AUTO_TEST_CASE(no_body_is_read_of_who_may_not_ask) {
  const auto reads = token_with({scope::read});
  start();
  for (const auto* path : {"/v1/workflows", "/healthz", "/nothing"}) {
    for (const auto& headers : {std::string(), with(reads)}) {
      auto c = connect();
      const bool is_open = std::string_view(path) == "/healthz";
      c.send((is_open ? "GET " : "POST ") + std::string(path) + " HTTP/1.1\r\nHost: localhost\r\n" +
             headers + "Content-Length: 8000000\r\n\r\n");
      if (headers.empty() || std::string_view(path) != "/nothing") {
        const int status = c.read().status;
        BOOST_TEST(status == (is_open ? 413 : headers.empty() ? 401 : 403), path);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(decisions_and_refusals_are_logged_with_their_request_and_no_payload) {
  struct line {
    log_level level;
    std::string text, workflow, action, request_id;
  };
  std::vector<line> lines;
  std::mutex mutex;
  const auto keep = [&](log_level level, std::string_view text, const log_fields& about) {
    const std::lock_guard lock(mutex);
    lines.push_back({level, std::string(text), std::string(about.workflow),
                     std::string(about.action), std::string(about.request_id)});
  };
  opts.log = keep;
  places.log = keep;
  const auto admin = with(token_with({scope::admin}, "ops"));
  must(post("/v1/workflows", spec("w", "pause", "\"payload\""), admin), 201);
  BOOST_REQUIRE(eventually(
      [&] { return must(get("/v1/workflows/w", admin))["actions"][0]["waiting"] == "decision"; }));
  must(post("/v1/workflows/w/actions/a/resolve", R"({"decision":"complete","value":"payload"})",
            admin + "X-Request-Id: r-1\r\n"));
  refused(get("/v1/stats?payload", "X-Request-Id: r-2\r\n"), 401, "unauthorized");
  const std::lock_guard lock(mutex);
  BOOST_TEST_REQUIRE(lines.size() == 2U);
  BOOST_TEST(lines[0].text == "POST /v1/workflows/w/actions/a/resolve: 200, asked by ops");
  BOOST_TEST((lines[0].level == log_level::info));
  BOOST_TEST(lines[0].workflow == "w");
  BOOST_TEST(lines[0].action == "a");
  BOOST_TEST(lines[0].request_id == "r-1");
  BOOST_TEST(lines[1].text == "GET /v1/stats: 401 for 127.0.0.1");
  BOOST_TEST(lines[1].request_id == "r-2");
}

BOOST_AUTO_TEST_CASE(the_unix_socket_needs_no_token) {
  token_with({scope::read});
  places.unix_socket = dir / "api.sock";
  start();
  client c(client::at_path{places.unix_socket.string()});
  c.request("POST", "/v1/workflows", "", spec("w", "noop"));
  BOOST_TEST(c.read().status == 201);
}

BOOST_AUTO_TEST_CASE(a_reload_lets_new_tokens_in_and_revoked_ones_not) {
  std::string logged;
  std::mutex mutex;
  places.log = [&](log_level level, std::string_view what) {
    const std::lock_guard lock(mutex);
    if (level >= log_level::warning) logged += what;
  };
  const auto first = token_with({scope::read});
  must(get("/v1/stats", with(first)));
  const auto second = token_with({scope::read});
  refused(get("/v1/stats", with(second)), 401, "unauthorized");
  BOOST_REQUIRE(front->reload());
  must(get("/v1/stats", with(second)));
  BOOST_REQUIRE(api::remove_token(places.token_file, id_of(first)));
  BOOST_REQUIRE(front->reload());
  refused(get("/v1/stats", with(first)), 401, "unauthorized");
  BOOST_TEST(logged == "");
  // A broken file changes nothing, and is told.
  std::ofstream(places.token_file, std::ios::app) << "broken " << second << '\n';
  BOOST_TEST(!front->reload());
  must(get("/v1/stats", with(second)));
  refused(get("/v1/stats", with(first)), 401, "unauthorized");
  BOOST_TEST(logged.find("the tokens stay as they were") != std::string::npos);
  BOOST_TEST(logged.find("line 2") != std::string::npos);
  BOOST_TEST(logged.find(second) == std::string::npos);
  std::filesystem::remove(places.token_file);
  BOOST_TEST(!front->reload());
  must(get("/v1/stats", with(second)));
}

BOOST_AUTO_TEST_CASE(the_frame_of_the_page_needs_no_token_and_what_it_shows_does) {
  const auto token = token_with({scope::read});
  const auto other = token_with({scope::work});
  start();
  for (const auto* path : {"/page/app.css", "/page/app.js"}) BOOST_TEST(get(path).status != 401);
  const bool has_frame = api::page_files().size() > 1;
  BOOST_TEST(get("/").status == (has_frame ? 200 : 401));
  BOOST_TEST(get("/w/none").status == (has_frame ? 200 : 401));
  refused(get("/?plain"), 401, "unauthorized");
  refused(get("/w/none?plain"), 401, "unauthorized");
  refused(get("/?plain", with(other)), 403, "forbidden");
  BOOST_TEST(get("/?plain", with(token)).status == 200);
  refused(get("/w/none?plain", with(token)), 404, "not_found");
}

BOOST_AUTO_TEST_CASE(loopback_without_a_token_file_needs_none) {
  places.token_file.clear();
  submit("w", "noop");
  BOOST_TEST(!!front->reload());
  must(get("/v1/workflows/w", with("whatever")));
}

BOOST_AUTO_TEST_SUITE_END()
