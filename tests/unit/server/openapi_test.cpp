// The last suite of the program: what all others were answered is what the document says.
#include <algorithm>
#include <set>

#include "node/api/routes.hpp"
#include "tests/unit/server/support.hpp"

using namespace tenax;
using namespace tenax::api::tests;

BOOST_FIXTURE_TEST_SUITE(
    api_contract, fixture,
    *boost::unit_test::depends_on("api_submit") * boost::unit_test::depends_on("api_workflows") *
        boost::unit_test::depends_on("api_streams") * boost::unit_test::depends_on("api_attempts") *
        boost::unit_test::depends_on("api_workers") * boost::unit_test::depends_on("api_page") *
        boost::unit_test::depends_on("api_tokens") * boost::unit_test::depends_on("api_server"))

BOOST_AUTO_TEST_CASE(every_route_is_in_the_openapi_document_and_nothing_else) {
  const auto document = must(get("/v1/openapi.json"));
  BOOST_TEST(document["openapi"] == "3.1.0");
  std::set<std::string> described;
  for (const auto& [path, methods] : document["paths"].items()) {
    for (const auto& [method, operation] : methods.items()) {
      if (method == "parameters") continue;
      std::string name = method;
      for (char& c : name) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
      described.insert(name + " " + path);
      BOOST_TEST(operation.contains("operationId"), path);
      BOOST_TEST(operation["responses"].contains("200") == true, path);
    }
  }
  std::set<std::string> served;
  for (const auto& r : api::all_routes())
    served.insert(std::string(r.method) + " " + std::string(r.path));
  BOOST_TEST(served == described, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(every_route_says_in_the_openapi_document_which_scope_it_needs) {
  const auto document = must(get("/v1/openapi.json"));
  BOOST_TEST(document["components"]["securitySchemes"]["token"]["scheme"] == "bearer");
  for (const auto& r : api::all_routes()) {
    const auto method = r.method == "GET"      ? "get"
                        : r.method == "POST"   ? "post"
                        : r.method == "DELETE" ? "delete"
                                               : "put";
    const auto& operation = document["paths"][std::string(r.path)][method];
    auto needed = json::array();
    if (r.needs != api::scope::nothing)
      needed.push_back({{"token", json::array({to_string(r.needs)})}});
    BOOST_TEST(operation.value("security", json()) == needed, r.method << " " << r.path);
  }
}

BOOST_AUTO_TEST_CASE(every_answer_is_as_the_openapi_document_says) {
  submit("w", "noop");  // if this test runs alone
  const int code = check_answers(dir);
  if (code == 77) {
    BOOST_TEST_MESSAGE("python3-jsonschema is not here: not checked");
    return;
  }
  BOOST_TEST(code == 0);
}

BOOST_AUTO_TEST_SUITE_END()
