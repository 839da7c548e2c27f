// What the registry and the handlers noop, wait and log_message promise.
#include <boost/test/unit_test.hpp>

#include <string>
#include <utility>
#include <vector>

#include "handlers/input.hpp"
#include "tenax/handler.hpp"
#include "tenax/limits.hpp"

using namespace tenax;
using namespace std::chrono_literals;

namespace {

constexpr wall_time now{1'700'000'000'000ms};

handler_registry defaults() {
  handler_registry r;
  builtin::add_defaults(r);
  return r;
}

outcome call(std::string_view type, std::string_view input, std::uint32_t deferrals = 0,
             const log_sink* log = nullptr) {
  const auto registry = defaults();
  action_context ctx;
  ctx.workflow_id = "wf-1";
  ctx.action_key = "say";
  ctx.input = input;
  ctx.deferrals = deferrals;
  ctx.now = now;
  ctx.log = log;
  return registry.find(type)->run(ctx);
}

std::vector<fault> check(std::string_view type, std::string_view input) {
  const auto registry = defaults();
  return registry.find(type)->options.check(input);
}

/// The submit-time check and the run agree that the input is bad, and where.
void check_bad(std::string_view type, std::string_view input, std::string_view path) {
  const auto faults = check(type, input);
  BOOST_TEST_REQUIRE(faults.size() == 1u, input);
  BOOST_TEST(faults[0].path == path);
  BOOST_TEST(!faults[0].message.empty());
  const auto o = call(type, input);
  BOOST_TEST((o.what == outcome::kind::fatal), input);
  BOOST_TEST(o.error_class == "bad_input");
  BOOST_TEST(o.message.find(faults[0].message) != std::string::npos);
}

struct captured_log {
  std::vector<std::pair<log_level, std::string>> lines;
  log_sink sink = [this](log_level l, std::string_view m) { lines.emplace_back(l, m); };
};

}  // namespace

BOOST_AUTO_TEST_SUITE(registry)

BOOST_AUTO_TEST_CASE(outcome_functions_fill_what_their_kind_uses) {
  BOOST_TEST((outcome::success().what == outcome::kind::success));
  BOOST_TEST(outcome::success().result == "null");
  const auto failed = outcome::failure("net", "refused", 5s);
  BOOST_TEST((failed.what == outcome::kind::failure));
  BOOST_TEST(failed.error_class == "net");
  BOOST_TEST(failed.message == "refused");
  BOOST_TEST((failed.retry_after == milliseconds{5s}));
  BOOST_TEST(!outcome::failure("net", "refused").retry_after.has_value());
  const auto fatal = outcome::fatal("auth", "no");
  BOOST_TEST((fatal.what == outcome::kind::fatal));
  BOOST_TEST(fatal.error_class == "auth");
  const auto later = outcome::defer(now);
  BOOST_TEST((later.what == outcome::kind::defer));
  BOOST_TEST((later.until == now));
}

BOOST_AUTO_TEST_CASE(a_deferral_takes_any_system_time_and_never_ends_before_it) {
  const auto system_now = std::chrono::system_clock::now();
  const auto later = outcome::defer(system_now + 1h).until;
  BOOST_TEST((later >= system_now + 1h && later < system_now + 1h + 1ms));
  BOOST_TEST((outcome::defer(std::chrono::sys_seconds{5s}).until == wall_time{5s}));
}

BOOST_AUTO_TEST_CASE(add_replaces_and_find_returns_the_latest) {
  handler_registry r;
  BOOST_TEST(r.find("a") == nullptr);
  r.add("a", [](const action_context&) {
     return outcome::success("1");
   }).add("a", [](const action_context&) { return outcome::success("2"); });
  BOOST_TEST(r.all().size() == 1u);
  BOOST_TEST(r.find("a")->run({}).result == "2");
}

BOOST_AUTO_TEST_CASE(defaults_are_in_place_and_leave_the_programs_own_alone) {
  const auto r = defaults();
  BOOST_TEST(r.all().size() == 4u);
  for (const auto& [type, entry] : r.all())
    BOOST_TEST((entry.options.mode == run_mode::in_place), type);
  handler_registry own;
  own.add("noop", [](const action_context&) { return outcome::success("mine"); });
  builtin::add_defaults(own);
  BOOST_TEST(own.all().size() == 4u);
  BOOST_TEST(own.find("noop")->run({}).result == "mine");
  BOOST_TEST(own.find("exec") == nullptr);  // off until added
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(builtins)

BOOST_AUTO_TEST_CASE(noop_returns_its_input_byte_for_byte) {
  BOOST_TEST(call("noop", R"({"a": 1})").result == R"({"a": 1})");
  BOOST_TEST(call("noop", "not json").result == "not json");
}

BOOST_AUTO_TEST_CASE(wait_defers_by_its_seconds_rounded_up) {
  const std::vector<std::pair<std::string, milliseconds>> cases{
      {"1", 1s},
      {"1.5", 1'500ms},
      {"0.001", 1ms},
      {"0.0011", 2ms},
      {"4.035", 4'035ms},
      {"1e-9", 1ms},
      {"2.0000001", 2'001ms},
      {"1.001", 1'001ms},
      {"0.0010004", 2ms},
      {"0.3", 300ms},
      {"1e-320", 1ms},
      {"86400", 24h},
      {"315619200", std::chrono::hours(24 * 3653)}};
  for (const auto& [seconds, expected] : cases) {
    const auto input = R"({"seconds":)" + seconds + "}";
    BOOST_TEST(check("wait", input).empty(), input);
    const auto o = call("wait", input);
    BOOST_TEST((o.what == outcome::kind::defer), input);
    BOOST_TEST((o.until == now + expected), input);
  }
}

BOOST_AUTO_TEST_CASE(wait_succeeds_once_deferred) {
  const auto o = call("wait", R"({"seconds":60})", 1);
  BOOST_TEST((o.what == outcome::kind::success));
  BOOST_TEST(o.result == "null");
}

BOOST_AUTO_TEST_CASE(wait_of_zero_seconds_succeeds_at_once) {
  for (const auto* input : {R"({"seconds":0})", R"({"seconds":0.0})", R"({"seconds":-0.0})"})
    BOOST_TEST((call("wait", input).what == outcome::kind::success), input);
}

BOOST_AUTO_TEST_CASE(wait_rejects_negative_and_endless_waits_with_path_and_reason) {
  check_bad("wait", R"({"seconds":-1})", "/seconds");
  check_bad("wait", R"({"seconds":-1e-9})", "/seconds");
  check_bad("wait", R"({"seconds":315619201})", "/seconds");
  check_bad("wait", R"({"seconds":1e300})", "/seconds");
  BOOST_TEST(check("wait", R"({"seconds":-1})")[0].message == "must not be negative, it is -1");
  BOOST_TEST(call("wait", R"({"seconds":-1})").message ==
             "/seconds must not be negative, it is -1");
}

BOOST_AUTO_TEST_CASE(wait_rejects_input_of_another_shape) {
  check_bad("wait", R"({"seconds":"1"})", "/seconds");
  check_bad("wait", R"({"seconds":null})", "/seconds");
  check_bad("wait", R"({"seconds":true})", "/seconds");
  check_bad("wait", "{}", "/seconds");
  check_bad("wait", "[]", "");
  check_bad("wait", "null", "");
  check_bad("wait", "", "");
  check_bad("wait", R"({"seconds":1)", "");
  check_bad("wait", R"({"seconds":1e400})", "");
  check_bad("wait", R"({"seconds":1,"unit":"s"})", "/unit");
  check_bad("wait", R"({"seconds":1,"a/b~":0})", "/a~1b~0");
}

BOOST_AUTO_TEST_CASE(every_fault_is_reported_at_once) {
  const auto faults = check("log_message", R"({"level":"loud","text":"x"})");
  BOOST_TEST(faults.size() == 3u);
}

BOOST_AUTO_TEST_CASE(log_message_writes_to_the_log_at_its_level) {
  const std::vector<std::pair<std::string, log_level>> levels{{"debug", log_level::debug},
                                                              {"info", log_level::info},
                                                              {"warning", log_level::warning},
                                                              {"error", log_level::error}};
  for (const auto& [name, level] : levels) {
    captured_log log;
    const auto input = R"({"level":")" + name + R"(","message":"hello"})";
    BOOST_TEST(check("log_message", input).empty());
    const auto o = call("log_message", input, 0, &log.sink);
    BOOST_TEST((o.what == outcome::kind::success));
    BOOST_TEST(o.result == "null");
    BOOST_REQUIRE(log.lines.size() == 1u);
    BOOST_TEST((log.lines[0].first == level));
    BOOST_TEST(log.lines[0].second == "wf-1/say: hello");
  }
}

BOOST_AUTO_TEST_CASE(log_message_never_writes_a_control_character) {
  captured_log log;
  (void)call("log_message",
             R"({"level":"info","message":"a\nb\r\t\u001b[31mred\u007f\u0085\u0000 ä 日"})", 0,
             &log.sink);
  BOOST_REQUIRE(log.lines.size() == 1u);
  BOOST_TEST(log.lines[0].second == "wf-1/say: a\\nb\\r\\t\\x1b[31mred\\x7f\\u0085\\x00 ä 日");
}

BOOST_AUTO_TEST_CASE(a_log_sink_may_take_what_a_line_is_about) {
  std::string about;
  const log_sink sink = [&](log_level, std::string_view, const log_fields& f) {
    about = std::string(f.workflow) + "/" + std::string(f.action) + "/" + std::to_string(f.attempt);
  };
  (void)call("log_message", R"({"level":"info","message":"x"})", 0, &sink);
  BOOST_TEST(about == "wf-1/say/1");
  sink(log_level::info, "of nothing");
  BOOST_TEST(about == "//0");
  const std::function<void(log_level, std::string_view)> nobody;
  BOOST_TEST(!log_sink(nobody));
  BOOST_TEST(!log_sink(nullptr));
}

BOOST_AUTO_TEST_CASE(log_message_without_a_log_succeeds) {
  const log_sink empty;
  for (const log_sink* log : {static_cast<const log_sink*>(nullptr), &empty})
    BOOST_TEST((call("log_message", R"({"level":"info","message":"x"})", 0, log).what ==
                outcome::kind::success));
}

BOOST_AUTO_TEST_CASE(log_message_rejects_input_of_another_shape) {
  check_bad("log_message", R"({"level":"loud","message":"x"})", "/level");
  check_bad("log_message", R"({"level":1,"message":"x"})", "/level");
  check_bad("log_message", R"({"message":"x"})", "/level");
  check_bad("log_message", R"({"level":"info","message":1})", "/message");
  check_bad("log_message", R"({"level":"info"})", "/message");
  check_bad("log_message", R"({"level":"info","message":"x","to":"y"})", "/to");
  check_bad("log_message", "{", "");
}

BOOST_AUTO_TEST_CASE(printable_replaces_invalid_utf8_and_cuts_between_characters) {
  using builtin::printable;
  const std::string bad = "\xEF\xBF\xBD";
  BOOST_TEST(printable("a\xFF"
                       "b") == "a" + bad + "b");
  BOOST_TEST(printable("\xC0\x80") == bad + bad);                      // overlong
  BOOST_TEST(printable("\xED\xA0\x80") == bad + bad + bad);            // surrogate
  BOOST_TEST(printable("\xF4\x90\x80\x80") == bad + bad + bad + bad);  // above U+10FFFF
  BOOST_TEST(printable("\xE6\x97") == bad + bad);                      // cut short
  BOOST_TEST(printable("\xF0\x9F\x98\x80") == "\xF0\x9F\x98\x80");
  BOOST_TEST(printable("日本", 5) == "日");
  BOOST_TEST(printable("a\nb", 2) == "a");
  BOOST_TEST(printable("abc", 0).empty());
}

BOOST_AUTO_TEST_CASE(bad_input_message_stays_short) {
  const auto o = call("wait", R"({"seconds":1,")" + std::string(100'000, 'k') + R"(":0})");
  BOOST_TEST((o.what == outcome::kind::fatal));
  BOOST_TEST(o.message.size() <= limits{}.text_bytes_max);
}

BOOST_AUTO_TEST_SUITE_END()
