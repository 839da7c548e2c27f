// Which addresses and hosts requests of the action type http may go to.
#include "node/http_action/addresses.hpp"

#include <boost/test/unit_test.hpp>

#include <string>
#include <vector>

#include "node/http_action/allowed_hosts.hpp"
#include "tenax/http_action.hpp"

using namespace tenax;
using http_action::allowed_hosts;
using http_action::ip_address;
using http_action::ip_range;
using http_action::place;

namespace {

std::string use_of(const std::string& text) {
  const auto address = ip_address::parse(text);
  BOOST_REQUIRE_MESSAGE(address.has_value(), text);
  return std::string(http_action::special_use(*address));
}

bool allows(const std::vector<std::string>& entries, const std::string& host, int port = 443,
            bool is_usual = true) {
  return allowed_hosts(entries).has({host, static_cast<std::uint16_t>(port), is_usual});
}

bool reaches(const std::vector<std::string>& entries, const std::string& address, int port = 443,
             bool is_usual = true) {
  const place target{"host.example", static_cast<std::uint16_t>(port), is_usual};
  return allowed_hosts(entries).refusal(ip_address::parse(address).value(), target).empty();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(addresses)

BOOST_AUTO_TEST_CASE(what_is_not_of_the_public_internet_is_known) {
  for (const std::string text : {"0.0.0.0",
                                 "0.1.2.3",
                                 "10.0.0.1",
                                 "10.255.255.255",
                                 "100.64.0.1",
                                 "100.127.255.255",
                                 "127.0.0.1",
                                 "127.255.255.254",
                                 "169.254.0.1",
                                 "169.254.169.254",
                                 "172.16.0.1",
                                 "172.31.255.255",
                                 "192.0.0.8",
                                 "192.0.2.1",
                                 "192.88.99.1",
                                 "192.168.0.1",
                                 "198.18.0.1",
                                 "198.19.255.255",
                                 "198.51.100.1",
                                 "203.0.113.1",
                                 "224.0.0.1",
                                 "239.255.255.255",
                                 "240.0.0.1",
                                 "255.255.255.255",
                                 "168.63.129.16",
                                 "::",
                                 "::1",
                                 "::127.0.0.1",
                                 "::8.8.8.8",
                                 "::ffff:127.0.0.1",
                                 "::ffff:10.0.0.1",
                                 "::ffff:169.254.169.254",
                                 "64:ff9b::7f00:1",
                                 "64:ff9b::8.8.8.8",
                                 "64:ff9b:1::1",
                                 "100::1",
                                 "2001::1",
                                 "2001:20::1",
                                 "2001:db8::1",
                                 "2002:7f00:1::",
                                 "2002:808:808::1",
                                 "3fff::1",
                                 "fc00::1",
                                 "fd00:ec2::254",
                                 "fdff::1",
                                 "fe80::1",
                                 "febf::1",
                                 "fec0::1",
                                 "ff02::1",
                                 "ff0e::1",
                                 "4000::1",
                                 "5f00::1",
                                 "e000::1"}) {
    BOOST_TEST(!use_of(text).empty(), text);
  }
  for (const std::string text :
       {"1.1.1.1",         "8.8.8.8",        "9.255.255.255",        "11.0.0.0",
        "100.63.255.255",  "100.128.0.0",    "126.255.255.255",      "128.0.0.1",
        "169.253.255.255", "169.255.0.0",    "172.15.255.255",       "172.32.0.0",
        "192.167.255.255", "192.169.0.0",    "198.17.255.255",       "198.20.0.0",
        "223.255.255.255", "::ffff:8.8.8.8", "2001:4860:4860::8888", "2606:4700::1111",
        "2a00:1450::1"}) {
    BOOST_TEST(use_of(text) == "", text);
  }
  BOOST_TEST(use_of("127.0.0.1") == "loopback");
  BOOST_TEST(use_of("169.254.169.254") == "link-local");
}

BOOST_AUTO_TEST_CASE(ranges_hold_what_begins_as_they_do) {
  const auto has = [](const char* range, const char* address) {
    return ip_range::parse(range).value().has(ip_address::parse(address).value());
  };
  BOOST_TEST(has("10.0.0.0/8", "10.9.8.7"));
  BOOST_TEST(!has("10.0.0.0/8", "11.0.0.0"));
  BOOST_TEST(has("10.0.0.4/30", "10.0.0.7"));
  BOOST_TEST(!has("10.0.0.4/30", "10.0.0.8"));
  BOOST_TEST(has("10.0.0.5", "::ffff:10.0.0.5"));
  BOOST_TEST(!has("0.0.0.0/0", "2001:4860::1"));
  BOOST_TEST(has("fd00::/9", "fd7f::1"));
  BOOST_TEST(!has("fd00::/9", "fd80::1"));
  for (const auto* text : {"", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "::/129", "::/x",
                           "10.0/8", "1.2.3.4.5", "localhost", "010.0.0.1"}) {
    BOOST_TEST(!ip_range::parse(text).has_value(), text);
  }
}

BOOST_AUTO_TEST_CASE(a_host_is_allowed_by_its_name_with_its_port_and_no_other) {
  const std::vector<std::string> one{"API.example.com"};
  BOOST_TEST(allows(one, "api.example.com"));
  BOOST_TEST(allows(one, "Api.Example.COM", 80));
  BOOST_TEST(!allows(one, "api.example.com", 8443, false));
  for (const auto* other :
       {"example.com", "x.api.example.com", "api.example.com.", "api.example.co", "apiXexample.com",
        "api.example.com.evil.example", "evilapi.example.com"})
    BOOST_TEST(!allows(one, other), other);
  BOOST_TEST(allows({"api.example.com:8443"}, "api.example.com", 8443, false));
  BOOST_TEST(!allows({"api.example.com:8443"}, "api.example.com"));
  const std::vector<std::string> below{"*.example.com"};
  BOOST_TEST(allows(below, "a.example.com"));
  BOOST_TEST(allows(below, "a.b.example.com"));
  BOOST_TEST(!allows(below, "example.com"));
  BOOST_TEST(!allows(below, "badexample.com"));
  BOOST_TEST(allows({"*"}, "anything.example"));
  BOOST_TEST(!allows({"*"}, "anything.example", 8080, false));
  BOOST_TEST(!allows({}, "anything.example"));
}

BOOST_AUTO_TEST_CASE(an_allowed_name_reaches_public_addresses_and_those_that_are_allowed_as_such) {
  const std::vector<std::string> name{"host.example", "*"};
  BOOST_TEST(reaches(name, "93.184.216.34"));
  for (const auto* text : {"127.0.0.1", "10.0.0.5", "169.254.169.254", "::1", "fd00::1"})
    BOOST_TEST(!reaches(name, text), text);
  const std::vector<std::string> both{"host.example", "10.0.0.0/8", "127.0.0.1:8080",
                                      "[fd00::/8]:99"};
  BOOST_TEST(reaches(both, "10.0.0.5"));
  BOOST_TEST(!reaches(both, "10.0.0.5", 8080, false));
  BOOST_TEST(reaches(both, "127.0.0.1", 8080, false));
  BOOST_TEST(!reaches(both, "127.0.0.1"));
  BOOST_TEST(!reaches(both, "127.0.0.2", 8080, false));
  BOOST_TEST(reaches(both, "fd00::1", 99, false));
  BOOST_TEST(!reaches(both, "fd00::1"));
  BOOST_TEST(allows(both, "10.1.1.1"));
  BOOST_TEST(allows(both, "[fd12::1]", 99, false));
  BOOST_TEST(!allows(both, "11.1.1.1"));
  BOOST_TEST(allows({"::1"}, "[::1]"));
  BOOST_TEST(allows({"fd00::/8"}, "[fd00::1]"));
}

BOOST_AUTO_TEST_CASE(what_is_no_host_is_refused_before_anything_runs) {
  for (const std::string text : {"",
                                 "http://api.example.com",
                                 "api.example.com/x",
                                 "api.example.com:",
                                 "api.example.com:0",
                                 "api.example.com:65536",
                                 "api.example.com:x",
                                 "a b",
                                 "user@host",
                                 ".example.com",
                                 "a..b",
                                 "example.com.",
                                 "*example.com",
                                 "a.*.com",
                                 "127.1",
                                 "0x7f.1",
                                 "10.0.0.0/33",
                                 "[::1",
                                 "[::1]x",
                                 "[host]",
                                 "h\xc3\xb6st.example",
                                 "[::1]:0"}) {
    std::vector<std::string> faults;
    const allowed_hosts read({text}, &faults);
    BOOST_TEST(faults.size() == 1U, text);
  }
  http_options options;
  BOOST_TEST(options.faults().size() == 1U);  // no host
  options.allow_hosts = {"*"};
  BOOST_TEST(options.faults().empty());
  options.timeout = milliseconds{0};
  options.connect_timeout = std::chrono::hours{25};
  options.response_bytes_max = 0;
  BOOST_TEST(options.faults().size() == 3U);
}

BOOST_AUTO_TEST_SUITE_END()
