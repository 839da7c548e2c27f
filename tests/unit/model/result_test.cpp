// What result.hpp, view.hpp and the builder of spec.hpp promise.
#include <boost/test/unit_test.hpp>

#include <set>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "tenax/engine.hpp"
#include "tenax/handler.hpp"
#include "tenax/result.hpp"
#include "tenax/spec.hpp"
#include "tenax/testing/virtual_engine.hpp"
#include "tenax/view.hpp"

using namespace tenax;
using namespace std::chrono_literals;

namespace {

constexpr auto last_errc = errc::stopped;

std::vector<errc> all_codes() {
  std::vector<errc> out;
  for (int i = 0; i <= static_cast<int>(last_errc); ++i) out.push_back(static_cast<errc>(i));
  return out;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(results)

BOOST_AUTO_TEST_CASE(every_error_has_a_name_and_a_sentence_of_its_own) {
  std::set<std::string_view> names;
  std::set<std::string_view> sentences;
  for (const auto code : all_codes()) {
    names.insert(to_string(code));
    sentences.insert(describe(code));
    BOOST_TEST(describe(code).ends_with('.'));
  }
  BOOST_TEST(names.size() == all_codes().size());
  BOOST_TEST(sentences.size() == all_codes().size());
  BOOST_TEST(names.count("unknown") == 0u);
}

BOOST_AUTO_TEST_CASE(error_class_says_whether_something_may_have_happened) {
  for (const auto code :
       {errc::invalid_spec, errc::conflict, errc::not_found, errc::invalid_argument,
        errc::wrong_state, errc::overloaded, errc::closing, errc::data_dir_locked})
    BOOST_TEST((classify(code) == error_class::rejected), to_string(code));
  for (const auto code : {errc::timed_out, errc::storage_unavailable})
    BOOST_TEST((classify(code) == error_class::unknown), to_string(code));
  for (const auto code :
       {errc::data_dir_unusable, errc::format_too_new, errc::corrupt, errc::stopped})
    BOOST_TEST((classify(code) == error_class::fatal), to_string(code));
  BOOST_TEST((error{errc::stopped, ""}.kind() == error_class::fatal));
}

BOOST_AUTO_TEST_CASE(error_text_holds_code_message_and_every_fault) {
  BOOST_TEST((error{errc::conflict, "workflow a exists with other content"}.to_string()) ==
             "conflict: workflow a exists with other content");
  BOOST_TEST((error{errc::closing, ""}.to_string()) ==
             "closing: The engine is draining or closed.");
  const error e{errc::invalid_spec, "2 faults", {{"", "too large"}, {"/name", "is required"}}};
  BOOST_TEST(e.to_string() ==
             "invalid_spec: 2 faults\n  (document): too large\n  /name: is required");
}

BOOST_AUTO_TEST_CASE(result_holds_a_value_or_an_error) {
  const result<int> good{7};
  BOOST_TEST(bool{good.has_value()});
  BOOST_TEST(*good == 7);
  BOOST_CHECK_THROW((void)good.error(), std::bad_variant_access);
  const result<int> bad{error{errc::not_found, "no"}};
  BOOST_TEST(!bad.has_value());
  BOOST_TEST((bad.error().code() == errc::not_found));
  BOOST_CHECK_THROW((void)bad.value(), std::bad_variant_access);
  const result<void> done;
  BOOST_TEST(done.has_value());
}

// A reference into a temporary would outlive it, and no compiler says so.
template <class Result>
constexpr bool temporaries_give_values =
    std::conjunction_v<std::is_same<decltype(*std::declval<Result>()), std::string>,
                       std::is_same<decltype(std::declval<Result>().value()), std::string>,
                       std::is_same<decltype(std::declval<Result>().error()), error>>;
static_assert(temporaries_give_values<result<std::string>>);
static_assert(!temporaries_give_values<result<std::string>&>);
static_assert(std::is_same_v<decltype(std::declval<error>().faults()), std::vector<fault>>);
static_assert(std::is_same_v<decltype(std::declval<error>().message()), std::string>);

// Nothing of the public API gives a pointer or reference into a temporary.
template <class T>
concept has_arrow = requires(T&& r) {
  std::forward<T>(r).operator->();
};
static_assert(has_arrow<result<std::string>&>);
static_assert(has_arrow<const result<std::string>&>);
static_assert(!has_arrow<result<std::string>>);
static_assert(!has_arrow<const result<std::string>>);
template <class Engine>
concept loops_over_a_dead_page = requires(Engine& e) {
  e.list()->items;
};
template <class Engine>
concept loops_over_a_living_page = requires(Engine& e) {
  (*e.list()).items;
};
static_assert(!loops_over_a_dead_page<engine> && loops_over_a_living_page<engine>);
static_assert(!loops_over_a_dead_page<reader> && loops_over_a_living_page<reader>);
static_assert(!loops_over_a_dead_page<testing::virtual_engine>);
template <class Registry>
concept can_be_looked_into = requires(Registry&& r) {
  std::forward<Registry>(r).all();
  std::forward<Registry>(r).find("noop");
};
static_assert(can_be_looked_into<const handler_registry&>);
static_assert(!can_be_looked_into<handler_registry>);
template <class Builder>
concept is_refined_in_place = std::is_reference_v<decltype(std::declval<Builder>().id("i"))>;
static_assert(is_refined_in_place<workflow_builder&> && !is_refined_in_place<workflow_builder>);

BOOST_AUTO_TEST_CASE(what_a_temporary_result_holds_can_be_looped_over) {
  const auto words = [] { return result<std::vector<std::string>>({"one", "two"}); };
  std::string all;
  for (const auto& word : *words()) all += word;
  for (const auto& word : words().value()) all += word;
  BOOST_TEST(all == "onetwoonetwo");
  const auto listing = [] { return result<page<std::string>>({{"one", "two"}, ""}); };
  all.clear();
  for (const auto& word : (*listing()).items) all += word;
  for (const auto& word : listing().value().items) all += word;
  BOOST_TEST(all == "onetwoonetwo");
  const auto bad = [] { return result<int>(error{errc::invalid_spec, "no", {{"/a", "b"}}}); };
  for (const auto& f : bad().error().faults()) BOOST_TEST(f.path == "/a");
  const std::string& message = bad().error().message();
  BOOST_TEST(message == "no");
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(views)

BOOST_AUTO_TEST_CASE(every_workflow_status_reads_back_from_its_name) {
  for (int i = 0; i <= static_cast<int>(workflow_status::cancelled); ++i) {
    const auto s = static_cast<workflow_status>(i);
    const auto read = parse_workflow_status(to_string(s));
    BOOST_REQUIRE(read.has_value());
    BOOST_TEST((*read == s));
  }
  for (const auto* text : {"", "Pending", "unknown", "pending ", "done"})
    BOOST_TEST(!parse_workflow_status(text).has_value());
}

BOOST_AUTO_TEST_CASE(only_completed_failed_and_cancelled_are_terminal) {
  BOOST_TEST(!is_terminal(workflow_status::pending));
  BOOST_TEST(!is_terminal(workflow_status::in_progress));
  BOOST_TEST(is_terminal(workflow_status::completed));
  BOOST_TEST(is_terminal(workflow_status::failed));
  BOOST_TEST(is_terminal(workflow_status::cancelled));
}

BOOST_AUTO_TEST_CASE(every_action_status_and_reason_to_wait_has_a_name_of_its_own) {
  std::set<std::string_view> names;
  for (int i = 0; i <= static_cast<int>(action_status::skipped); ++i)
    names.insert(to_string(static_cast<action_status>(i)));
  BOOST_TEST(names.size() == 6u);
  names.clear();
  for (int i = 0; i <= static_cast<int>(waiting_for::decision); ++i)
    names.insert(to_string(static_cast<waiting_for>(i)));
  BOOST_TEST(names.size() == 8u);
  BOOST_TEST(to_string(waiting_for::handler) == "no_handler");
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(builder)

BOOST_AUTO_TEST_CASE(builder_refines_the_action_added_last) {
  const wall_time when{5s};
  const workflow_spec spec = workflow_builder("order")
                                 .id("o-1")
                                 .description("d")
                                 .reference("T-1")
                                 .input("1")
                                 .deadline(1h)
                                 .sequential()
                                 .action("pay", "charge", R"({"eur":5})")
                                 .action("ship", "send")
                                 .after("pay")
                                 .at(when)
                                 .because("paid")
                                 .action("ask", "mail")
                                 .delayed(2s);
  BOOST_TEST(spec.id == "o-1");
  BOOST_TEST(spec.name == "order");
  BOOST_TEST(spec.reference == "T-1");
  BOOST_TEST((spec.order == action_order::sequential));
  BOOST_TEST((spec.deadline == milliseconds{1h}));
  BOOST_REQUIRE(spec.actions.size() == 3u);
  BOOST_TEST(spec.actions[0].input == R"({"eur":5})");
  BOOST_TEST(spec.actions[0].depends_on.empty());
  BOOST_TEST(spec.actions[1].input == "null");
  BOOST_TEST((spec.actions[1].depends_on == std::vector<std::string>{"pay"}));
  BOOST_TEST((spec.actions[1].scheduled_at == when));
  BOOST_TEST(spec.actions[1].reason == "paid");
  BOOST_TEST((spec.actions[2].delay == milliseconds{2s}));
}

BOOST_AUTO_TEST_CASE(an_action_never_starts_before_a_time_of_any_precision) {
  const std::chrono::sys_time<std::chrono::nanoseconds> when{5s + 1ns};
  const workflow_spec spec = workflow_builder("w").action("a", "b").at(when).action("c", "d").at(
      std::chrono::sys_seconds{5s});
  BOOST_TEST((spec.actions[0].scheduled_at == wall_time{5'001ms}));
  BOOST_TEST((spec.actions[1].scheduled_at == wall_time{5s}));
}

static_assert(std::is_same_v<decltype(std::declval<workflow_builder&>().build()), workflow_spec>);

BOOST_AUTO_TEST_CASE(what_a_builder_builds_outlives_it) {
  const auto& spec =
      workflow_builder("order").id("an id that is no short string").action("a", "b").build();
  BOOST_TEST(spec.id == "an id that is no short string");
  BOOST_TEST_REQUIRE(spec.actions.size() == 1u);
  BOOST_TEST(spec.actions[0].key == "a");
}

BOOST_AUTO_TEST_CASE(a_builder_is_passed_on_without_a_copy_and_gives_up_its_spec_when_moved) {
  workflow_builder builder("order");
  builder.action("a", "b");
  const workflow_spec& seen = builder;
  const auto* const actions = seen.actions.data();
  const auto same = [&](const workflow_spec& s) { return s.actions.data() == actions; };
  BOOST_TEST(same(builder));
  BOOST_TEST(!same(builder.build()));
  BOOST_TEST(same(std::move(builder).build()));
}

BOOST_AUTO_TEST_CASE(refining_before_the_first_action_throws) {
  workflow_builder b("x");
  BOOST_CHECK_THROW(b.after("a"), std::logic_error);
  BOOST_CHECK_THROW(b.at(wall_time{}), std::logic_error);
  BOOST_CHECK_THROW(b.delayed(1s), std::logic_error);
  BOOST_CHECK_THROW(b.because("r"), std::logic_error);
}

BOOST_AUTO_TEST_SUITE_END()
