// The main function of every suite. With TENAX_TEST_LOCALE=comma in the environment the suite runs
// as in a host whose locale has decimal commas.
#define BOOST_TEST_MODULE tenax
#include <boost/test/unit_test.hpp>

#include <cstdlib>
#include <optional>
#include <string_view>

#include "tests/support/comma_locale.hpp"

namespace {

struct host_locale {
  host_locale() {
    const char* const wanted = std::getenv("TENAX_TEST_LOCALE");
    if (wanted != nullptr && std::string_view(wanted) == "comma") locale.emplace();
  }
  std::optional<tenax::tests::comma_locale> locale;
};

}  // namespace

BOOST_TEST_GLOBAL_FIXTURE(host_locale);
