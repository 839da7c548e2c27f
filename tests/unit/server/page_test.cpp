// The page beside the API: its headers, its plain twin, and what it asks the API for.
#include <algorithm>
#include <set>

#include "node/api/page.hpp"
#include "tests/unit/server/support.hpp"

using namespace tenax;
using namespace tenax::api::tests;

namespace {

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

/// What a browser that honours it runs, loads and asks: nothing but this server's own.
constexpr std::string_view policy =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'self'";

const json& group_of(const json& reasons, std::string_view kind) {
  const auto& groups = reasons["groups"];
  const auto found = std::ranges::find_if(groups, [&](const json& g) { return g["kind"] == kind; });
  BOOST_REQUIRE_MESSAGE(found != groups.end(), kind << " is not in " << reasons.dump());
  return *found;
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(api_page, fixture)

BOOST_AUTO_TEST_CASE(every_document_of_the_page_keeps_to_its_server) {
  submit("w", "noop");
  std::vector<std::string> paths{"/",    "/?status=failed", "/?plain",
                                 "/w/w", "/w/w?plain",      "/page/app.css"};
  if (api::page_files().size() > 1) paths.emplace_back("/page/app.js");
  for (const auto& path : paths) {
    const auto a = get(path);
    BOOST_TEST_CONTEXT(path) {
      BOOST_REQUIRE(a.status == 200);
      BOOST_TEST(a.headers.at("content-security-policy") == policy);
      BOOST_TEST(a.headers.at("x-content-type-options") == "nosniff");
      BOOST_TEST(a.headers.at("referrer-policy") == "no-referrer");
      BOOST_TEST(!contains(a.body, "<script>"));
      BOOST_TEST(!contains(a.body, "style=\""));
    }
  }
  BOOST_TEST(get("/", "Host: elsewhere.example\r\n").status == 400);  // two of them
  BOOST_TEST(get("/page/app.css?x").status == 400);
  BOOST_TEST(get("/page/none").status == 404);
}

BOOST_AUTO_TEST_CASE(the_page_is_sent_again_only_when_it_has_changed) {
  const auto plain = get("/page/app.css");
  const auto etag = plain.headers.at("etag");
  BOOST_TEST(plain.headers.at("cache-control") == "no-cache");
  const auto same = get("/page/app.css", "If-None-Match: " + etag + "\r\n");
  BOOST_TEST(same.status == 304);
  BOOST_TEST(same.body.empty());
  const auto packed = get("/page/app.css", "Accept-Encoding: br, gzip\r\n");
  BOOST_TEST(packed.headers.at("content-encoding") == "gzip");
  BOOST_TEST(packed.headers.at("etag") != etag);
  BOOST_TEST(packed.headers.at("vary") == "Accept-Encoding");
  BOOST_TEST(packed.body.size() < plain.body.size());
}

BOOST_AUTO_TEST_CASE(the_plain_page_says_what_explain_says_and_takes_no_markup) {
  must(post("/v1/workflows", R"({"id":"w","name":"<b>n</b>","actions":[
      {"key":"a","type":"pause","input":"<script>x</script>"},
      {"key":"b","type":"noop","depends_on":["a"]}]})"),
       201);
  BOOST_REQUIRE(eventually([&] { return workflow("w")["workflow"]["actions"]["in_doubt"] == 1; }));
  const std::string headline = must(get("/v1/workflows/w/explain"))["headline"];
  const auto list = get("/?plain");
  BOOST_TEST(list.headers.at("content-type") == "text/html; charset=utf-8");
  BOOST_TEST(contains(list.body, headline));
  BOOST_TEST(contains(list.body, "&lt;b&gt;n&lt;/b&gt;"));
  BOOST_TEST(contains(list.body, "href=\"/w/w?plain\""));
  const auto one = get("/w/w?plain");
  for (const std::string_view part : {std::string_view(headline), std::string_view("waits for a"),
                                      std::string_view("workflow_created")}) {
    BOOST_TEST(contains(one.body, part), part);
  }
  BOOST_TEST(!contains(one.body, "<b>n"));
  refused(get("/w/none?plain"), 404, "not_found");
  refused(get("/?plain&stauts=failed"), 400, "invalid_argument");
}

BOOST_AUTO_TEST_CASE(the_plain_list_goes_on_where_it_ended) {
  for (int i = 0; i < 130; ++i) submit("w" + std::to_string(i), "noop");
  const auto first = get("/?plain&name=n");
  const auto at = first.body.find("/?plain&amp;name=n&amp;cursor=");
  BOOST_REQUIRE(at != std::string::npos);
  auto next = first.body.substr(at, first.body.find('"', at) - at);
  for (auto amp = next.find("&amp;"); amp != std::string::npos; amp = next.find("&amp;"))
    next.replace(amp, 5, "&");
  const auto second = get(next);
  BOOST_TEST(second.status == 200);
  BOOST_TEST(contains(second.body, "/w/w0?plain"));
  BOOST_TEST(!contains(second.body, "cursor="));
}

BOOST_AUTO_TEST_CASE(open_workflows_are_counted_by_why_they_wait) {
  opts.retry = retry_policy::fixed(std::chrono::hours(1), 3);
  for (int i = 0; i < 3; ++i) submit("r" + std::to_string(i), "fail");
  submit("p", "pause");
  submit("o", "ask");
  submit("done", "noop");
  json reasons;
  BOOST_REQUIRE(eventually([&] {
    reasons = must(get("/v1/reasons"));
    return reasons["examined"] == 5 && reasons["groups"].size() == 3;
  }));
  const auto& retries = group_of(reasons, "retry");
  BOOST_TEST(retries["type"] == "fail");
  BOOST_TEST(retries["error_class"] == "broken");
  BOOST_TEST(retries["workflows"] == 3);
  BOOST_TEST(retries["actions"] == 3);
  BOOST_TEST(retries.contains("next_at"));
  BOOST_TEST(reasons["groups"][0] == retries);  // most first
  BOOST_TEST(group_of(reasons, "exhausted")["example"] == "p");
  BOOST_TEST(group_of(reasons, "outside")["workflows"] == 1);
  BOOST_TEST(reasons["next_cursor"].is_null());
  refused(get("/v1/reasons?kind=retry"), 400, "invalid_argument");
}

BOOST_AUTO_TEST_CASE(a_list_says_why_and_finds_workflows_by_reason) {
  opts.retry = retry_policy::fixed(std::chrono::hours(1), 3);
  submit("r", "fail");
  submit("p", "pause");
  submit("done", "noop");
  BOOST_REQUIRE(eventually([&] {
    return must(get("/v1/workflows:count?waiting=retry"))["count"] == 1 &&
           must(get("/v1/workflows:count?waiting=decision"))["count"] == 1 &&
           must(get("/v1/workflows:count?status=completed"))["count"] == 1;
  }));
  const auto all = must(get("/v1/workflows?explain"));
  BOOST_REQUIRE(all["workflows"].size() == 3);
  for (const auto& w : all["workflows"]) {
    BOOST_TEST(w.contains("why") == (w["id"] != "done"));
    if (w["id"] != "p") continue;
    BOOST_TEST(w["why"]["headline"] == must(get("/v1/workflows/p/explain"))["headline"]);
    BOOST_TEST(w["why"]["nothing_by_itself"] == true);
  }
  const auto ids = [&](const std::string& query) {
    std::vector<std::string> out;
    const auto page = must(get("/v1/workflows?" + query));
    for (const auto& w : page["workflows"]) out.push_back(w["id"]);
    return out;
  };
  const std::vector<std::string> r{"r"};
  const std::vector<std::string> p{"p"};
  BOOST_TEST(ids("reason=retry") == r);
  BOOST_TEST(ids("reason=retry&action_type=fail") == r);
  BOOST_TEST(ids("reason=retry&action_type=pause").empty());
  BOOST_TEST(ids("reason=exhausted") == p);
  BOOST_TEST(ids("action_type=pause") == p);
  BOOST_TEST(ids("reason=none_of_these").empty());
}

BOOST_AUTO_TEST_CASE(a_search_by_reason_goes_on_with_its_cursor) {
  opts.retry = retry_policy::fixed(std::chrono::hours(1), 3);
  for (int i = 0; i < 30; ++i) submit("w" + std::to_string(i), i % 10 == 0 ? "pause" : "fail");
  BOOST_REQUIRE(
      eventually([&] { return must(get("/v1/workflows:count?waiting=decision"))["count"] == 3; }));
  std::set<std::string> found;
  std::string cursor;
  for (int pages = 0; pages < 30; ++pages) {
    const auto page = must(get("/v1/workflows?reason=exhausted&limit=4" +
                               (cursor.empty() ? "" : "&cursor=" + cursor)));
    for (const auto& w : page["workflows"]) found.insert(std::string(w["id"]));
    if (page["next_cursor"].is_null()) break;
    cursor = page["next_cursor"];
  }
  BOOST_TEST(found == (std::set<std::string>{"w0", "w10", "w20"}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_SUITE_END()
