// What exceptions say, whatever they are.
#include <boost/test/unit_test.hpp>

#include <exception>
#include <stdexcept>
#include <string>
#include <vector>

#include "tenax/exceptions.hpp"

using namespace tenax;

namespace {

struct mute : std::exception {
  const char* what() const noexcept override { return nullptr; }
};
struct empty : std::exception {
  const char* what() const noexcept override { return ""; }
};
struct foreign {};
template <class T>
struct made_of {};

template <class E>
std::string text_of(E thrown) {
  return exception_text(std::make_exception_ptr(thrown));
}

/// `depth` exceptions, each nested in the next.
void throw_nested(int depth) {
  if (depth == 1) throw foreign();
  try {
    throw_nested(depth - 1);
  } catch (...) {
    std::throw_with_nested(std::runtime_error("level " + std::to_string(depth)));
  }
}

std::exception_ptr nested(int depth) {
  try {
    throw_nested(depth);
  } catch (...) {
    return std::current_exception();
  }
  return nullptr;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(exceptions)

BOOST_AUTO_TEST_CASE(every_exception_has_a_text) {
  BOOST_TEST(text_of(std::runtime_error("no answer")) == "no answer");
  BOOST_TEST(text_of(std::string("thrown as such")) == "thrown as such");
  BOOST_TEST(text_of("a literal") == "a literal");
  BOOST_TEST(text_of(std::bad_alloc()) == "std::bad_alloc");
  BOOST_TEST(text_of(17) == "something of type int, which is no std::exception");
  BOOST_TEST(text_of(made_of<int>()) ==
             "something of type (anonymous namespace)::made_of<int>, which is no std::exception");
  BOOST_TEST(text_of(mute()) == "an exception of type (anonymous namespace)::mute without words");
  BOOST_TEST(text_of(empty()) == "an exception of type (anonymous namespace)::empty without words");
  BOOST_TEST(text_of(std::string()).find("without words") != std::string::npos);
  BOOST_TEST(text_of(static_cast<const char*>(nullptr)) ==
             "an exception of type char const* without words");
  BOOST_TEST(exception_text(nullptr).empty());
}

BOOST_AUTO_TEST_CASE(nested_exceptions_are_told_to_the_last) {
  BOOST_TEST(exception_text(nested(3)) ==
             "level 3; caused by: level 2; caused by: something of type "
             "(anonymous namespace)::foreign, which is no std::exception");
  BOOST_TEST(exception_chain(nested(3)).size() == 3u);
  BOOST_TEST(exception_chain(nested(100)).size() == 16u);
}

BOOST_AUTO_TEST_CASE(the_outermost_exception_with_an_entry_decides_by_its_first) {
  const auto rule = exception_classes()
                        .add<foreign>("foreign", outcome::kind::fatal)
                        .add<std::runtime_error>("first")
                        .add<std::exception>("second", outcome::kind::failure);
  const auto said = rule(nested(2));
  BOOST_REQUIRE(said.has_value());
  BOOST_TEST(said->error_class == "first");
  BOOST_TEST((said->what == outcome::kind::unknown));
  BOOST_TEST(said->message == exception_text(nested(2)));
  const auto inner = exception_classes().add<foreign>("foreign", outcome::kind::fatal)(nested(2));
  BOOST_REQUIRE(inner.has_value());
  BOOST_TEST((inner->what == outcome::kind::fatal));
  BOOST_TEST((rule(std::make_exception_ptr(mute()))->what == outcome::kind::failure));
  BOOST_TEST(!rule(std::make_exception_ptr(17)).has_value());
}

BOOST_AUTO_TEST_SUITE_END()
