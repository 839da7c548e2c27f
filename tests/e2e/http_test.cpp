// tenax run with actions of type http, against a server on this machine.
#include "tests/e2e/program.hpp"

#include <boost/test/unit_test.hpp>

#include <filesystem>
#include <fstream>
#include <string>

#include "tests/unit/node/scripted.hpp"

using e2e::contains;
using e2e::json;
using node_test::scripted;

namespace {

std::string spec_of(const scripted& server) {
  return json{
      {"id", "w"},
      {"name", "w"},
      {"actions",
       {{{"key", "ask"},
         {"type", "http"},
         {"input",
          {{"method", "POST"},
           {"url", server.url() + "/charges"},
           {"headers", {{"Authorization", "Bearer secret:api_token"}}},
           {"body", {{"cents", 5600}}},
           {"secrets", json::array({"api_token"})}}}},
        {{"key", "say"},
         {"type", "log_message"},
         {"input",
          {{"level", "info"}, {"message", "receipt ${actions.ask.result.body.receipt}"}}}}}}}
      .dump();
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(http_action, e2e::world)

BOOST_AUTO_TEST_CASE(http_is_off_until_its_host_is_allowed) {
  scripted server({node_test::answer("200 OK", "")});
  const auto spec = file("w.json", spec_of(server));
  const auto off = tenax({"run", spec});
  BOOST_TEST(off.exit_code == 2);
  BOOST_TEST(contains(off.err, "--allow-host"), off.err);
  const auto other = tenax({"run", spec, "--allow-host", "api.example.com"});
  BOOST_TEST(other.exit_code == 2);
  BOOST_TEST(contains(other.err, "/actions/0/input/url: names a host that is not allowed here"),
             other.err);
  BOOST_TEST(!std::filesystem::exists(data()));
  BOOST_TEST(server.connections() == 0);
}

BOOST_AUTO_TEST_CASE(a_request_is_made_with_its_secret_which_nobody_sees_afterwards) {
  scripted server({node_test::answer("503 Service Unavailable", "wait, s3cr3t-value"),
                   node_test::answer("200 OK", R"({"receipt":17,"for":"s3cr3t-value"})",
                                     "Content-Type: application/json\r\n")});
  std::filesystem::create_directory(path("secrets"));
  const auto secret = file("secrets/api_token", "s3cr3t-value\n");
  std::filesystem::permissions(secret, std::filesystem::perms(0600));
  const auto spec = file("w.json", spec_of(server));
  const auto ran = tenax({"run", spec, "--allow-host", server.url().substr(7), "--secrets-dir",
                          path("secrets"), "--min-wait-ms", "1", "--log-level", "debug"});
  BOOST_TEST(ran.exit_code == 0, ran.err);
  BOOST_TEST(contains(ran.err, "receipt 17"), ran.err);
  const auto requests = server.requests();
  BOOST_REQUIRE(requests.size() == 2U);
  for (const auto& request : requests) {
    BOOST_TEST(contains(request, "\r\nIdempotency-Key: w/ask\r\n"), request);
    BOOST_TEST(contains(request, "\r\nAuthorization: Bearer s3cr3t-value\r\n"), request);
    BOOST_TEST(request.ends_with(R"({"cents":5600})"), request);
  }
  const auto shown = tenax_json({"show", "w"});
  BOOST_TEST(shown["actions"][0]["result"]["body"]["for"] == "[secret:api_token]");
  std::string all = ran.out + ran.err + shown.dump();
  for (const std::string command : {"show", "history", "explain", "export"})
    all += tenax({command, "w"}).out;
  BOOST_TEST(contains(all, "HTTP 503: wait, [secret:api_token]"), all);
  BOOST_TEST(!contains(all, "s3cr3t"));
  for (const auto& entry : std::filesystem::recursive_directory_iterator(data())) {
    if (!entry.is_regular_file()) continue;
    std::ifstream in(entry.path(), std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(in), {}};
    BOOST_TEST(!contains(bytes, "s3cr3t"), entry.path());
  }
}

BOOST_AUTO_TEST_CASE(what_a_request_ran_under_is_recorded_and_gone_on_with) {
  scripted server(
      {node_test::answer("500 x", ""),
       node_test::answer("200 OK", R"({"receipt":1})", "Content-Type: application/json\r\n")});
  std::filesystem::create_directory(path("secrets"));
  std::filesystem::permissions(file("secrets/api_token", "s3cr3t-value"),
                               std::filesystem::perms(0600));
  const auto spec = file("w.json", spec_of(server));
  const e2e::arguments args{"run",
                            spec,
                            "--allow-host",
                            server.url().substr(7),
                            "--secrets-dir",
                            path("secrets"),
                            "--at-most-once",
                            "http"};
  BOOST_TEST(tenax(args).exit_code == 5);  // nobody knows what came of it
  BOOST_TEST(server.connections() == 1);
  BOOST_TEST(tenax({"resolve", "w", "ask", "retry"}).exit_code == 0);
  auto others = args;
  others[3] = "127.0.0.0/8:" + server.url().substr(17);
  const auto other = tenax(others);
  BOOST_TEST(other.exit_code != 0);
  BOOST_TEST(contains(other.err, "under other options"), other.err);
  BOOST_TEST(contains(other.err, "--allow-host: "), other.err);
  const auto resumed = tenax({"resume", "w"});
  BOOST_TEST(resumed.exit_code == 0, resumed.err);
}

BOOST_AUTO_TEST_SUITE_END()
