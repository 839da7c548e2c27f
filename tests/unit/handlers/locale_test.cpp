// Numbers on their way through an engine whose host has a decimal comma.
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <filesystem>
#include <string>

#include "tenax/engine.hpp"
#include "tenax/testing/virtual_engine.hpp"
#include "tests/support/comma_locale.hpp"

using namespace tenax;
using namespace std::chrono_literals;

namespace {

template <class T>
std::string said(const result<T>& r) {
  return r ? "" : r.error().to_string();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(locale_of_the_host)

BOOST_AUTO_TEST_CASE(numbers_reach_the_handler_as_written_whatever_the_locale) {
  const tests::comma_locale locale;
  std::string seen;
  std::string again;
  options opts;
  opts.handlers.add("see", [&](const action_context& ctx) {
    (ctx.action_key == "first" ? seen : again) = ctx.input;
    return outcome::success(std::string(ctx.input));
  });
  auto engine = testing::virtual_engine::open(std::move(opts));
  BOOST_REQUIRE(engine.has_value());

  const auto submitted =
      engine->submit_json(R"({"id":"n","name":"n","order":"sequential","actions":[
      {"key":"first","type":"see","input":[1.5,2]},
      {"key":"second","type":"see","input":{"copy":"${actions.first.result}","big":12345678.25}}]})");

  BOOST_REQUIRE_MESSAGE(submitted.has_value(), said(submitted));
  const auto end = engine->run_until_end("n");
  BOOST_REQUIRE(end.has_value());
  BOOST_TEST((end->status == workflow_status::completed));
  BOOST_TEST(seen == "[1.5,2]");
  BOOST_TEST(again == R"({"copy":[1.5,2],"big":12345678.25})");
}

BOOST_AUTO_TEST_CASE(a_quarter_of_a_second_is_one_in_every_locale) {
  const tests::comma_locale locale;
  auto engine = testing::virtual_engine::open();
  BOOST_REQUIRE(engine.has_value());
  const auto start = engine->now();
  const auto submitted = engine->submit_json(
      R"({"id":"w","name":"w","actions":[{"key":"a","type":"wait","input":{"seconds":0.25}}]})");
  BOOST_REQUIRE_MESSAGE(submitted.has_value(), said(submitted));
  const auto end = engine->run_until_end("w");
  BOOST_REQUIRE(end.has_value());
  BOOST_TEST((end->closed_at == start + 250ms));
}

BOOST_AUTO_TEST_CASE(a_trace_keeps_its_fractions_in_every_locale) {
  const tests::comma_locale locale;
  const auto spec = parse_trace(R"({"name":"t","schemaVersion":"1.5","workflow":{
      "specification":{"tasks":[{"id":"a","name":"a","parents":[],"children":[]}]},
      "execution":{"tasks":[{"id":"a","runtimeInSeconds":12.5}]}}})",
                                {.time_scale = 1});
  BOOST_REQUIRE_MESSAGE(spec.has_value(), said(spec));
  BOOST_TEST(spec->actions[0].input == R"({"seconds":12.5})");
}

BOOST_AUTO_TEST_CASE(a_data_directory_is_written_and_read_in_every_locale) {
  std::string dir = (std::filesystem::temp_directory_path() / "tenax-locale-XXXXXX").string();
  BOOST_REQUIRE(::mkdtemp(dir.data()) != nullptr);
  {
    const tests::comma_locale locale;
    for (int life = 0; life < 2; ++life) {
      auto engine = engine::open(dir);
      BOOST_REQUIRE_MESSAGE(engine.has_value(), said(engine));
      for (int i = 0; i < 700; ++i) {  // the number of the last write gets a thousands separator
        const auto made = engine->submit_json(
            R"({"name":"w","actions":[{"key":"a","type":"wait","input":{"seconds":0.001}}]})");
        BOOST_REQUIRE_MESSAGE(made.has_value(), said(made));
      }
      BOOST_TEST((data_dir_owner(dir) == static_cast<int>(::getpid())));
    }
    std::filesystem::permissions(dir,
                                 std::filesystem::perms::sticky_bit | std::filesystem::perms::all);
    const auto refused = engine::open(dir);
    BOOST_REQUIRE(!refused.has_value());
    BOOST_TEST(refused.error().to_string().find("01777") != std::string::npos,
               refused.error().to_string());
  }
  std::filesystem::remove_all(dir);
}

BOOST_AUTO_TEST_SUITE_END()
