#include <boost/test/unit_test.hpp>

#include "model/documents/timestamp.hpp"

#include <random>
#include <string>

using namespace tenax;
using namespace tenax::model;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(timestamp_suite)

BOOST_AUTO_TEST_CASE(times_are_rfc_3339_with_an_offset) {
  const wall_time noon{1'772'366'400s};  // 2026-03-01T12:00:00Z
  BOOST_TEST((parse_timestamp("2026-03-01T12:00:00Z") == noon));
  BOOST_TEST((parse_timestamp("2026-03-01t12:00:00z") == noon));
  BOOST_TEST((parse_timestamp("2026-03-01T14:00:00+02:00") == noon));
  BOOST_TEST((parse_timestamp("2026-03-01T06:30:00-05:30") == noon));
  BOOST_TEST((parse_timestamp("2026-03-01T12:00:00-00:00") == noon));
  BOOST_TEST((parse_timestamp("2026-03-01T12:00:00.5Z") == noon + 500ms));
  BOOST_TEST((parse_timestamp("2028-02-29T00:00:00Z").has_value()));
  BOOST_TEST((parse_timestamp("1970-01-01T00:00:00Z") == wall_time{}));
}

BOOST_AUTO_TEST_CASE(a_time_is_never_read_as_an_earlier_one) {
  const wall_time noon{1'772'366'400s};
  const auto at = [](const std::string& fraction) {
    return parse_timestamp("2026-03-01T12:00:00." + fraction + "Z");
  };
  BOOST_TEST((at("0") == noon));
  BOOST_TEST((at("000000000000000000000000") == noon));
  BOOST_TEST((at("0000000000000000000000001") == noon + 1ms));
  BOOST_TEST((at("0009") == noon + 1ms));
  BOOST_TEST((at("001") == noon + 1ms));
  BOOST_TEST((at("0010") == noon + 1ms));
  BOOST_TEST((at("0010001") == noon + 2ms));
  BOOST_TEST((at("123999999999") == noon + 124ms));
  BOOST_TEST((at("999") == noon + 999ms));
  BOOST_TEST((at("9990") == noon + 999ms));
  BOOST_TEST((at("9991") == noon + 1s));
  BOOST_TEST(
      (parse_timestamp("2026-12-31T23:59:59.9999Z") == parse_timestamp("2027-01-01T00:00:00Z")));
  BOOST_TEST((parse_timestamp("1969-12-31T23:59:59.9991Z") == wall_time{}));
  BOOST_TEST((parse_timestamp("1969-12-31T23:59:59.9981Z") == wall_time{-1ms}));
}

BOOST_AUTO_TEST_CASE(a_leap_second_is_no_time) {
  for (const char* bad : {"2016-12-31T23:59:60Z", "2016-12-31T23:59:60.5Z",
                          "2017-01-01T00:59:60+01:00", "2026-03-01T12:34:60Z"}) {
    BOOST_TEST(!parse_timestamp(bad), bad);
  }
}

BOOST_AUTO_TEST_CASE(a_time_lies_in_the_years_that_can_be_printed) {
  for (const char* edge : {"0000-01-01T00:00:00.000Z", "9999-12-31T23:59:59.999Z"}) {
    const auto time = parse_timestamp(edge);
    BOOST_TEST_REQUIRE(time.has_value());
    BOOST_TEST(print_timestamp(*time) == edge);
  }
  BOOST_TEST(parse_timestamp("9999-12-31T23:59:59.999+00:01").has_value());
  BOOST_TEST(!parse_timestamp("9999-12-31T23:59:59.9991Z"));
  BOOST_TEST(!parse_timestamp("9999-12-31T23:59:59.999-00:01"));
  BOOST_TEST(!parse_timestamp("0000-01-01T00:00:00+00:01"));
}

BOOST_AUTO_TEST_CASE(anything_else_is_no_time) {
  for (const char* bad :
       {"", "2026-03-01", "2026-03-01T12:00:00", "2026-03-01 12:00:00Z", "2026-13-01T00:00:00Z",
        "2026-02-29T00:00:00Z", "2026-00-10T00:00:00Z", "2026-01-00T00:00:00Z",
        "2026-03-01T24:00:00Z", "2026-03-01T12:60:00Z", "2026-03-01T12:00:61Z",
        "2026-03-01T12:00:00.Z", "2026-03-01T12:00:00+24:00", "2026-03-01T12:00:00+0200",
        "2026-03-01T12:00:00Zx", "26-03-01T12:00:00Z", "+2026-03-01T12:00:00Z",
        "2026-3-1T12:00:00Z", "tomorrow"}) {
    BOOST_TEST(!parse_timestamp(bad), bad);
  }
}

BOOST_AUTO_TEST_CASE(times_are_printed_in_utc_with_three_digits_of_milliseconds) {
  BOOST_TEST(print_timestamp(wall_time{0ms}) == "1970-01-01T00:00:00.000Z");
  BOOST_TEST(print_timestamp(wall_time{1ms}) == "1970-01-01T00:00:00.001Z");
  BOOST_TEST(print_timestamp(wall_time{-1ms}) == "1969-12-31T23:59:59.999Z");
  BOOST_TEST(print_timestamp(wall_time::max()) == "9999-12-31T23:59:59.999Z");
  BOOST_TEST(print_timestamp(wall_time::min()) == "0000-01-01T00:00:00.000Z");
}

BOOST_AUTO_TEST_CASE(what_was_printed_reads_as_the_same_time) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 10'000; ++i) {
    const wall_time time{milliseconds{random() % 253'402'300'800'000}};
    BOOST_TEST_REQUIRE((parse_timestamp(print_timestamp(time)) == time), print_timestamp(time));
  }
}

BOOST_AUTO_TEST_SUITE_END()
