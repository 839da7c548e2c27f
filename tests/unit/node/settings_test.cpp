// Settings: who goes before whom, and where a faulty one is.
#include <CLI/CLI.hpp>
#include <boost/test/unit_test.hpp>

#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include "node/config_file.hpp"
#include "node/settings.hpp"
#include "tests/unit/node/support.hpp"

using namespace tenax;
using namespace tenax::node;

namespace {

/// A command with one option of each kind.
struct some_command {
  some_command() {
    app.add_option("--drain-ms", drain_ms)->check(CLI::Range(0, 1'000))->capture_default_str();
    app.add_option("--listen", listen)->expected(1)->take_all();
    app.add_option("--socket", socket);
    app.add_flag("--allow-exec", allow_exec);
  }
  ~some_command() {
    for (const auto& name : set) ::unsetenv(name.c_str());
  }
  void environment(const std::string& name, const std::string& value) {
    ::setenv(name.c_str(), value.c_str(), 1);
    set.push_back(name);
  }
  /// What is wrong; "" if nothing is.
  std::string read(const std::string& arguments, const std::optional<std::string>& file = {}) {
    settings all({app.get_option("--drain-ms"), app.get_option("--listen"),
                  app.get_option("--socket"), app.get_option("--allow-exec")});
    try {
      app.parse(arguments);
      all.resolve(file);
    } catch (const CLI::ParseError& e) {
      return e.what();
    }
    for (const auto& r : all.rows()) from[r.key] = r.from;
    misspelt = all.misspelt();
    return "";
  }

  CLI::App app;
  int drain_ms = 10;
  std::vector<std::string> listen;
  std::string socket;
  bool allow_exec = false;
  std::vector<std::string> set;
  std::map<std::string, std::string> from;
  std::vector<std::string> misspelt;
};

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(settings_of_a_command, node_test::temp_dir)

BOOST_AUTO_TEST_CASE(an_option_goes_before_the_environment_and_that_before_the_file) {
  const auto path = file("c.toml",
                         "drain_ms = 3\nlisten = ['f:1', \"f:2\"]\nsocket = 'f'\n"
                         "allow_exec = true\n");
  some_command c;
  BOOST_TEST(c.read("", path) == "");
  BOOST_TEST(c.drain_ms == 3);
  BOOST_TEST((c.listen == std::vector<std::string>{"f:1", "f:2"}));
  BOOST_TEST(c.allow_exec);
  BOOST_TEST(c.from["drain_ms"] == path + ":1:12");
  {
    some_command d;
    d.environment("TENAX_DRAIN_MS", "2");
    d.environment("TENAX_LISTEN", "e:1,e:2,");
    d.environment("TENAX_SOCKET", "");  // is none
    d.environment("TENAX_ALLOW_EXEC", "false");
    BOOST_TEST(d.read("--listen a:1", path) == "");
    BOOST_TEST(d.drain_ms == 2);
    BOOST_TEST((d.listen == std::vector<std::string>{"a:1"}));
    BOOST_TEST(d.socket == "f");
    BOOST_TEST(!d.allow_exec);
    BOOST_TEST(d.from["drain_ms"] == "TENAX_DRAIN_MS");
    BOOST_TEST(d.from["listen"] == "--listen");
    BOOST_TEST(d.from["allow_exec"] == "TENAX_ALLOW_EXEC");
  }
  some_command e;
  BOOST_TEST(e.read("") == "");
  BOOST_TEST(e.drain_ms == 10);
  BOOST_TEST(e.from["drain_ms"] == "default");
}

BOOST_AUTO_TEST_CASE(a_faulty_setting_says_where_it_is) {
  const auto told = [&](const std::string& text) {
    const auto path = file("c.toml", text);
    const auto what = some_command().read("", path);
    BOOST_TEST(what.starts_with(path + ":"), what);
    return what.substr(std::min(what.size(), path.size() + 1));
  };
  BOOST_TEST(told("drain_ms = 1\ndrain = 2\n").starts_with("2:"));
  BOOST_TEST(has(told("dran_ms = 1\n"), "there are drain_ms"));
  BOOST_TEST(told("\n drain_ms = 5000\n").starts_with("2:13: --drain-ms"));
  BOOST_TEST(told("drain_ms = 'x'\n").starts_with("1:12: "));
  BOOST_TEST(has(told("socket = ['a']\n"), "no list"));
  BOOST_TEST(has(told("allow_exec = 'yes'\n"), "true or false"));
  BOOST_TEST(has(told("socket = 1979-05-27\n"), "must be a text"));
  BOOST_TEST(has(told("[listen]\na = 1\n"), "must be a text"));
  BOOST_TEST(has(told("listen = [['a']]\n"), "list of texts"));
  BOOST_TEST(told("socket = \n").starts_with("1:"));
  BOOST_TEST(told("socket = 'a'\nsocket = 'b'\n").starts_with("2:"));
  BOOST_TEST(has(some_command().read("", "/nowhere/c.toml"), "cannot be read"));
  some_command c;
  c.environment("TENAX_DRAIN_MS", "5000");
  BOOST_TEST(c.read("").starts_with("TENAX_DRAIN_MS: --drain-ms"));
}

BOOST_AUTO_TEST_CASE(a_file_of_settings_is_read_in_its_order) {
  const auto given =
      parse_config("b = 1.5\na = -7\nc = [1, 'x']\nd = false\n\"e\" = \"\\\"\"\n", "f").value();
  BOOST_TEST_REQUIRE(given.size() == 5U);
  BOOST_TEST(given[0].key == "b");
  BOOST_TEST(given[0].words.at(0) == "1.5");
  BOOST_TEST(given[1].words.at(0) == "-7");
  BOOST_TEST((given[2].words == std::vector<std::string>{"1", "x"}));
  BOOST_TEST(given[2].is_list);
  BOOST_TEST(given[3].words.at(0) == "false");
  BOOST_TEST(given[4].words.at(0) == "\"");
  BOOST_TEST(given[4].place == "f:5:7");
  BOOST_TEST(!parse_config("a = nan nan", "f"));
}

BOOST_AUTO_TEST_CASE(a_misspelt_variable_is_said) {
  some_command c;
  c.environment("TENAX_DRAIN_MSS", "5");
  c.environment("TENAX_SOCKET", "s");
  c.environment("TENAX_PORT_8080_TCP", "tcp://10.0.0.1:8080");
  BOOST_TEST(c.read("") == "");
  BOOST_TEST_REQUIRE(c.misspelt.size() == 1U);
  BOOST_TEST(c.misspelt[0] == "TENAX_DRAIN_MSS is no setting: is TENAX_DRAIN_MS meant?");
}

BOOST_AUTO_TEST_SUITE_END()
