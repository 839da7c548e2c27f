// Handlers of a program's own types: with a codec of its own, and with nlohmann's conversions.
#include <boost/test/unit_test.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tenax/nlohmann.hpp"
#include "tenax/tenax.hpp"
#include "tenax/testing/virtual_engine.hpp"
#include "tests/support/comma_locale.hpp"

namespace shop {

struct charge_request {
  std::string card;
  double eur = 0;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(charge_request, card, eur)
struct receipt {
  std::string number;
  double eur = 0;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(receipt, number, eur)

/// A member of each kind that can be too small.
struct amounts {
  std::uint8_t small = 1;
  std::uint64_t natural = 0;
  std::int64_t whole = 0;
  float rough = 0;
  double real = 0;
  std::vector<std::uint8_t> list;
  std::map<std::string, int> by_name;
  std::set<std::uint8_t> set;
  std::pair<std::uint8_t, int> pair;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(amounts, small, natural, whole, rough, real, list,
                                                by_name, set, pair)
struct order {
  std::vector<amounts> items;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(order, items)
/// Cannot be written, so nobody sees what became of its number.
struct read_only {
  std::uint8_t small = 0;
};
inline void from_json(const nlohmann::json& json, read_only& to) {
  json.at("small").get_to(to.small);
}

/// Written as a bare number: a codec without any library.
struct cents {
  int value = 0;
};

}  // namespace shop

template <>
struct tenax::json_codec<shop::cents> {
  static shop::cents read(std::string_view json) {
    if (json.empty() || json.find_first_not_of("0123456789") != std::string_view::npos) {
      throw bad_shape({{"", "must be a whole number"}, {"/deep", "is told too"}});
    }
    return {std::stoi(std::string(json))};
  }
  static std::string write(const shop::cents& c) {
    if (c.value < 0) throw std::domain_error("negative money");
    return std::to_string(c.value);
  }
};

using namespace tenax;
using shop::cents;
using shop::charge_request;
using shop::receipt;

namespace {

struct not_convertible {};
static_assert(json_readable<charge_request> && json_writable<charge_request>);
static_assert(json_readable<nlohmann::json> && json_value<nlohmann::json>);
static_assert(json_readable<std::map<std::string, std::vector<int>>>);
static_assert(!json_readable<not_convertible> && !json_writable<not_convertible>);
// Text is JSON already, never a JSON string of it.
static_assert(!json_value<std::string> && !json_value<char[5]> && !json_value<const char*>);

receipt charge(const charge_request& r) { return {"r-" + r.card, r.eur}; }

/// "" if it fits, else the faults, each "PATH: MESSAGE".
template <class T>
std::string misfit(std::string_view json) {
  const auto read = read_json<T>(json);
  if (read) return "";
  BOOST_TEST((read.error().code() == errc::invalid_argument));
  std::string out;
  for (const auto& f : read.error().faults()) {
    out += (out.empty() ? "" : "; ") + f.path + ": " + f.message;
  }
  return out;
}

struct fixture {
  options opts;
  std::optional<testing::virtual_engine> engine;

  void open() {
    auto opened = testing::virtual_engine::open(std::move(opts));
    BOOST_REQUIRE(opened.has_value());
    engine.emplace(*std::move(opened));
  }
  workflow_view end_of(const workflow_spec& spec) {
    const auto submitted = engine->submit(spec);
    BOOST_REQUIRE(submitted.has_value());
    BOOST_REQUIRE(engine->run_until_end(submitted->id).has_value());
    return engine->get(submitted->id).value();
  }
  std::vector<fault> faults_of(const workflow_spec& spec) {
    auto submitted = engine->submit(spec);
    BOOST_REQUIRE(!submitted.has_value());
    BOOST_TEST((submitted.error().code() == errc::invalid_spec));
    return submitted.error().faults();
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(typed_handlers, fixture)

BOOST_AUTO_TEST_CASE(a_typed_handler_takes_and_gives_values) {
  opts.handlers.add<charge_request, receipt>("charge", charge);
  opts.handlers.add<receipt, std::string>("thank", [](const receipt& r, const action_context& ctx) {
    return "thanks for " + r.number + ", " + std::string(ctx.action_key);
  });
  opts.handlers.add<std::string>("post", [](std::string letter) {
    if (letter.empty()) throw std::runtime_error("nothing to post");
  });
  open();
  const auto view = end_of(workflow_builder("order")
                               .sequential()
                               .action("pay", "charge", charge_request{"visa", 12.5})
                               .action("tell", "thank", R"("${actions.pay.result}")")
                               .action("send", "post", R"("${actions.tell.result}")"));
  BOOST_TEST((view.summary.status == workflow_status::completed));
  BOOST_TEST(view.actions[0].input == R"({"card":"visa","eur":12.5})");
  BOOST_TEST(view.result_of<receipt>("pay").value().number == "r-visa");
  BOOST_TEST(view.result_of<receipt>("pay").value().eur == 12.5);
  BOOST_TEST(view.actions[1].result_as<std::string>().value() == "thanks for r-visa, tell");
  BOOST_TEST(*view.actions[2].result == "null");
}

BOOST_AUTO_TEST_CASE(an_input_of_another_shape_is_refused_at_submit_with_its_path) {
  opts.handlers.add<charge_request, receipt>("charge", charge);
  opts.handlers.add<cents>("pay", [](cents) {});
  open();
  const auto faults = faults_of(workflow_builder("order")
                                    .action("a", "charge", R"({"card":"visa"})")
                                    .action("b", "charge")
                                    .action("c", "charge", "no json")
                                    .action("d", "pay", "-1")
                                    .action("e", "charge", charge_request{"visa", 1}));
  BOOST_REQUIRE(faults.size() == 5u);
  BOOST_TEST(faults[0].path == "/actions/0/input");
  BOOST_TEST(faults[0].message == "does not fit: key 'eur' not found");
  BOOST_TEST(faults[1].path == "/actions/1/input");
  BOOST_TEST(faults[2].path == "/actions/2/input");
  BOOST_TEST(faults[3].message == "must be a whole number");
  BOOST_TEST(faults[4].path == "/actions/3/input/deep");
}

BOOST_AUTO_TEST_CASE(an_input_of_another_shape_that_a_reference_gives_is_a_bad_input) {
  int called = 0;
  opts.handlers.add<charge_request, receipt>("charge", [&called](const charge_request& r) {
    ++called;
    return charge(r);
  });
  open();
  const auto view = end_of(workflow_builder("order")
                               .sequential()
                               .action("say", "noop", R"({"card":"visa","eur":"much"})")
                               .action("pay", "charge", R"("${actions.say.result}")"));
  BOOST_TEST((view.summary.status == workflow_status::failed));
  BOOST_TEST(called == 0);
  BOOST_TEST(view.actions[1].attempts == 1u);
  BOOST_REQUIRE(view.actions[1].last_error.has_value());
  BOOST_TEST(view.actions[1].last_error->error_class == "bad_input");
  BOOST_TEST(view.actions[1].last_error->message ==
             "the input does not fit: type must be number, but is string");
}

BOOST_AUTO_TEST_CASE(a_typed_handler_may_fail_as_any_other) {
  opts.handlers.add<cents, receipt>(
      "pay", [](cents c, const action_context& ctx) -> typed_outcome<receipt> {
        if (ctx.attempt == 1) return outcome::failure("network", "no answer");
        return receipt{"r", static_cast<double>(c.value)};
      });
  opts.handlers.add<cents, cents>("refuse",
                                  [](cents) { return outcome::fatal("card", "refused"); });
  opts.handlers.add<cents, cents>("owe", [](cents c) { return cents{-c.value}; });
  open();
  const auto view = end_of(workflow_builder("order").action("a", "pay", cents{7}));
  BOOST_TEST(view.actions[0].attempts == 2u);
  BOOST_TEST(view.result_of<receipt>("a").value().eur == 7);
  const auto refused = end_of(workflow_builder("order").action("a", "refuse", cents{7}));
  BOOST_TEST(refused.actions[0].last_error->error_class == "card");
  // What cannot be written is an exception: what the handler has done, nobody knows.
  const auto owed = end_of(workflow_builder("order").action("a", "owe", cents{7}));
  BOOST_TEST(owed.actions[0].last_error->error_class == "exception");
  BOOST_TEST(owed.actions[0].last_error->message == "negative money");
  BOOST_CHECK_THROW(workflow_builder("w").action("a", "pay", cents{-1}), std::domain_error);
}

BOOST_AUTO_TEST_CASE(a_check_of_the_types_own_comes_after_the_shape) {
  action_options how;
  how.check = [](std::string_view input) -> std::vector<fault> {
    if (input == "13") return {{"", "is unlucky"}};
    return {};
  };
  opts.handlers.add<cents>(
      "pay", [](cents) {}, how);
  open();
  BOOST_TEST(faults_of(workflow_builder("w").action("a", "pay", "13"))[0].message == "is unlucky");
  BOOST_TEST(faults_of(workflow_builder("w").action("a", "pay", "x"))[0].message ==
             "must be a whole number");
  BOOST_TEST(engine->submit(workflow_builder("w").action("a", "pay", "12")).has_value());
}

BOOST_AUTO_TEST_CASE(a_result_of_another_shape_is_an_error) {
  opts.handlers.add<cents, cents>("pay", [](cents c) { return c; });
  open();
  const auto view = end_of(workflow_builder("w").input(cents{5}).action("a", "pay", cents{5}));
  BOOST_TEST(view.input == "5");
  BOOST_TEST(view.result_of<cents>("a").value().value == 5);
  BOOST_TEST((view.result_of<receipt>("a").error().code() == errc::invalid_argument));
  BOOST_TEST((view.result_of<cents>("b").error().code() == errc::not_found));
  BOOST_TEST((action_view{}.result_as<cents>().error().code() == errc::wrong_state));
  BOOST_TEST(outcome::success(cents{3}).result == "3");
  BOOST_TEST(outcome::success("3").result == "3");
}

BOOST_AUTO_TEST_CASE(values_keep_their_numbers_in_every_locale) {
  const tests::comma_locale locale;
  opts.handlers.add<charge_request, receipt>("charge", charge);
  open();
  const auto view =
      end_of(workflow_builder("order").action("pay", "charge", charge_request{"visa", 12.5}));
  BOOST_TEST(*view.actions[0].result == R"({"eur":12.5,"number":"r-visa"})");
  BOOST_TEST(view.result_of<receipt>("pay").value().eur == 12.5);
}

/// nlohmann converts as C++ does: 300 would be 44.
BOOST_AUTO_TEST_CASE(a_number_that_does_not_fit_is_refused_with_its_path) {
  using shop::amounts;
  BOOST_TEST(misfit<amounts>(R"({"small": 300})") == "/small: 300 does not fit, it became 44");
  BOOST_TEST(misfit<amounts>(R"({"small": -1, "natural": -1})") ==
             "/natural: -1 does not fit, it became 18446744073709551615; "
             "/small: -1 does not fit, it became 255");
  BOOST_TEST(misfit<amounts>(R"({"whole": 1.5})") == "/whole: 1.5 does not fit, it became 1");
  BOOST_TEST(misfit<amounts>(R"({"whole": 9223372036854775808})") != "");
  BOOST_TEST(misfit<amounts>(R"({"whole": 1e30})") != "");
  BOOST_TEST(misfit<amounts>(R"({"rough": 1e300})") ==
             "/rough: 1e+300 does not fit, it became infinite");
  BOOST_TEST(misfit<amounts>(R"({"rough": 1e-300})") != "");
  BOOST_TEST(misfit<amounts>(R"({"list": [1, 300, 3]})") ==
             "/list/1: 300 does not fit, it became 44");
  BOOST_TEST(misfit<amounts>(R"({"by_name": {"a/b~": 4294967297}})") ==
             "/by_name/a~1b~0: 4294967297 does not fit, it became 1");
  BOOST_TEST(misfit<amounts>(R"({"set": [1, 300]})") == "/set/1: 300 does not fit, it became 44");
  BOOST_TEST(misfit<amounts>(R"({"pair": [300, 300]})") ==
             "/pair/0: 300 does not fit, it became 44");
  BOOST_TEST(misfit<shop::order>(R"({"items": [{"small": 1}, {"small": 256, "whole": 256}]})") ==
             "/items/1/small: 256 does not fit, it became 0");
  // Bare ones, and containers of them.
  BOOST_TEST(misfit<std::uint8_t>("300") == ": 300 does not fit, it became 44");
  BOOST_TEST(misfit<unsigned>("-1") == ": -1 does not fit, it became 4294967295");
  BOOST_TEST(misfit<int>("1.5") == ": 1.5 does not fit, it became 1");
  BOOST_TEST(misfit<std::vector<int>>("[0, 4294967296]") ==
             "/1: 4294967296 does not fit, it became 0");
  BOOST_TEST((misfit<std::map<std::string, std::vector<std::int8_t>>>(R"({"x": [128]})") ==
              "/x/0: 128 does not fit, it became -128"));
  // As many as people read.
  std::string many = "[300";
  for (int n = 0; n < 1'000; ++n) many += ",300";
  const auto all = read_json<std::vector<std::uint8_t>>(many + "]");
  BOOST_REQUIRE(!all);
  BOOST_TEST(all.error().faults().size() == 100U);
}

BOOST_AUTO_TEST_CASE(a_number_that_fits_is_taken_however_it_is_written) {
  using shop::amounts;
  for (const char* json : {
           R"({})",
           R"({"unknown": 1e300, "other": [300]})",
           R"({"small": 255, "natural": 18446744073709551615, "whole": -9223372036854775808})",
           R"({"small": 2.0, "whole": -3e2, "natural": 1e19})",
           R"({"rough": 0.1, "real": 0.1})",         // a float has 24 bits
           R"({"rough": 16777217, "real": 3})",      // of a whole number too
           R"({"real": 9007199254740993})",          // and a double 53
           R"({"rough": 3.4e38, "real": -1e-300})",  // in their range
           R"({"rough": -0.0, "whole": -0.0})",
           R"({"set": [3, 1, 2, 1]})",  // has an order of its own
           R"({"list": [], "pair": [255, -5]})",
       }) {
    BOOST_TEST(misfit<amounts>(json) == "", json);
  }
  BOOST_TEST(misfit<nlohmann::json>("[300, 1.5, -1, 1e300]") == "");
  BOOST_TEST(misfit<double>("1") == "");
  BOOST_TEST(misfit<bool>("true") == "");
  // What its program cannot write, nobody can compare.
  BOOST_TEST(misfit<shop::read_only>(R"({"small": 300})") == "");
  BOOST_TEST(misfit<std::vector<shop::read_only>>(R"([{"small": 300}])") == "");
}

BOOST_AUTO_TEST_CASE(a_number_that_does_not_fit_is_a_fault_at_submit_or_a_bad_input) {
  int calls = 0;
  opts.handlers.add<std::uint8_t>("tiny", [&](std::uint8_t) { ++calls; });
  opts.handlers.add<nlohmann::json, nlohmann::json>("same", [](const auto& j) { return j; });
  open();
  const auto refused = engine->submit(workflow_builder("w").action("a", "tiny", "300"));
  BOOST_REQUIRE(!refused);
  BOOST_TEST((refused.error().code() == errc::invalid_spec));
  BOOST_TEST(refused.error().to_string().find("300 does not fit, it became 44") !=
             std::string::npos);
  const auto view = end_of(workflow_builder("w")
                               .sequential()
                               .action("a", "same", "300")
                               .action("b", "tiny", R"("${actions.a.result}")"));
  BOOST_TEST((view.summary.status == workflow_status::failed));
  BOOST_TEST(view.actions[1].last_error->error_class == "bad_input");
  BOOST_TEST(calls == 0);
}

BOOST_AUTO_TEST_SUITE_END()
