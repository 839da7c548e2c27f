// The examples do what the README and their comments say.
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include <boost/test/unit_test.hpp>

#include "tenax/engine.hpp"

namespace {

struct ended {
  std::string out;
  int code = -1;
};

ended run(const std::string& example, const std::string& arguments) {
  const std::string command =
      "timeout 60 " TENAX_BINARY_DIR "/examples/" + example + " " + arguments + " 2>&1";
  ended r;
  FILE* pipe = ::popen(command.c_str(), "r");
  BOOST_REQUIRE(pipe != nullptr);
  char buffer[4096];
  while (const auto n = std::fread(buffer, 1, sizeof buffer, pipe)) r.out.append(buffer, n);
  r.code = ::pclose(pipe);
  return r;
}

std::string read_file(const std::string& path) {
  std::ifstream in(path);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

struct scratch {
  std::filesystem::path dir;
  scratch() {
    std::string name = (std::filesystem::temp_directory_path() / "tenax-examples-XXXXXX").string();
    BOOST_REQUIRE(::mkdtemp(name.data()) != nullptr);
    dir = name;
  }
  ~scratch() { std::filesystem::remove_all(dir); }
  [[nodiscard]] std::string at(const char* name) const { return (dir / name).string(); }
};

void check_clean(const std::string& data_dir) {
  const auto report = tenax::verify(data_dir);
  BOOST_REQUIRE(report.has_value());
  BOOST_TEST(report->findings_total == 0U);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(examples)

BOOST_AUTO_TEST_CASE(the_code_in_the_readme_is_the_quickstart) {
  const auto readme = read_file(TENAX_SOURCE_DIR "/README.md");
  const auto code = read_file(TENAX_SOURCE_DIR "/examples/quickstart.cpp");
  BOOST_REQUIRE(!code.empty());
  BOOST_TEST(readme.find("```cpp\n" + code + "```") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(the_quickstart_retries_passes_results_on_and_is_idempotent) {
  const scratch s;
  const auto first = run("quickstart", s.at("data"));
  BOOST_TEST(first.code == 0);
  BOOST_TEST(first.out == "mail: {\"text\":\"paid, receipt r-17\"}\norder-42 is completed\n");
  const auto again = run("quickstart", s.at("data"));
  BOOST_TEST(again.code == 0);
  BOOST_TEST(again.out == "order-42 is completed\n");
  check_clean(s.at("data"));
}

/// What a program prints goes nowhere, not into the database.
BOOST_AUTO_TEST_CASE(closed_standard_descriptors_are_not_used_for_files) {
  const scratch s;
  BOOST_TEST(run("quickstart", s.at("data") + " 0<&- 1>&- 2>&-; : ").code == 0);
  for (const auto& f : std::filesystem::recursive_directory_iterator(s.at("data"))) {
    if (f.is_regular_file())
      BOOST_TEST(read_file(f.path().string()).find("mail: ") == std::string::npos, f.path());
  }
  check_clean(s.at("data"));
  BOOST_TEST(run("quickstart", s.at("data")).out == "order-42 is completed\n");
}

BOOST_AUTO_TEST_CASE(a_custom_handler_fails_in_every_way) {
  const scratch s;
  const auto r = run("failing_handler", s.at("data"));
  BOOST_TEST(r.code == 0);
  BOOST_TEST(r.out.find("only: completed, 4 attempts, 3 retries") != std::string::npos);
  BOOST_TEST(r.out.find("only: failed, 1 attempts, 0 retries, last error bad_request") !=
             std::string::npos);
  check_clean(s.at("data"));
}

BOOST_AUTO_TEST_CASE(the_code_in_the_page_on_typed_handlers_is_the_example) {
  const auto page = read_file(TENAX_SOURCE_DIR "/docs/typed-handlers.md");
  const auto code = read_file(TENAX_SOURCE_DIR "/examples/typed_handlers.cpp");
  BOOST_REQUIRE(!code.empty());
  BOOST_TEST(page.find("```cpp\n" + code + "```") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(typed_handlers_check_shapes_and_pass_values_on) {
  const scratch s;
  const auto r = run("typed_handlers", s.at("data"));
  BOOST_TEST(r.code == 0);
  BOOST_TEST(r.out ==
             "invalid_spec: the workflow is not valid\n"
             "  /actions/0/input: does not fit: key 'card' not found\n"
             "mail: r-visa\norder-7 paid: r-visa\n");
  check_clean(s.at("data"));
}

BOOST_AUTO_TEST_CASE(an_approval_and_a_delivery_come_whenever_they_come) {
  const scratch s;
  const auto waiting = run("approval", s.at("data"));
  BOOST_TEST((waiting.out.find("waits for the signal approve") != std::string::npos), waiting.out);
  const auto ordered = run("approval", s.at("data") + " approve ann");
  const auto at = ordered.out.find("the token ");
  BOOST_TEST_REQUIRE(at != std::string::npos, ordered.out);
  BOOST_TEST((ordered.out.find("waits for somebody outside to end attempt 1") != std::string::npos),
             ordered.out);
  const auto token = ordered.out.substr(at + 10, ordered.out.find('\n', at) - at - 10);
  const auto done = run("approval", s.at("data") + " delivered " + token);
  BOOST_TEST((done.out.find("completed") != std::string::npos), done.out);
}

BOOST_AUTO_TEST_CASE(two_engines_live_in_one_process) {
  const scratch s;
  const auto r = run("two_engines", s.at("data"));
  BOOST_TEST(r.code == 0);
  BOOST_TEST(r.out == "\"moin, world\"\n\"servus, world\"\n");
  check_clean(s.at("data") + "-north");
  check_clean(s.at("data") + "-south");
}

BOOST_AUTO_TEST_CASE(the_order_service_ships_refuses_undoes_and_retries) {
  const scratch s;
  const auto order = [](const std::string& id, const char* card, const char* address) {
    return "order {\"id\":\"" + id + "\",\"item\":\"tea\",\"count\":1,\"card\":\"" + card +
           "\",\"cents\":500,\"mail\":\"a@b.example\",\"address\":\"" + address + "\"}\n";
  };
  std::ofstream(s.at("orders")) << "stock {\"id\":\"s1\",\"item\":\"tea\",\"count\":3}\n"
                                << order("good", "visa", "${actions.pay.result}")
                                << order("refused", "visa-refused", "here")
                                << order("nowhere", "visa", "");
  const auto r = run("order_service/order_service", s.at("shop") + " <" + s.at("orders"));
  BOOST_TEST(r.code == 0);
  BOOST_TEST(r.out ==
             "open 1\nstocked s1\naccepted good\naccepted refused\naccepted nowhere\nclosed\n");
  const auto books = read_file(s.at("shop") + "/world/books.log");
  for (const char* line :
       {R"("of":"good","what":"shipped")", R"("of":"refused","what":"cancelled")",
        R"("of":"nowhere","what":"cancelled")"}) {
    BOOST_TEST(books.find(line) != std::string::npos, line << " in " << books);
  }
  const auto parcels = read_file(s.at("shop") + "/world/shipping.log");
  BOOST_TEST(parcels.find(R"("of":"${actions.pay.result}")") != std::string::npos, parcels);

  // One of three finds no goods. It goes on when there are some, in another life.
  const auto shipped = [&] {
    const auto text = read_file(s.at("shop") + "/world/books.log");
    int n = 0;
    for (auto at = text.find("shipped"); at != text.npos; at = text.find("shipped", at + 1)) ++n;
    return n;
  };
  std::ofstream(s.at("more")) << order("a", "visa", "here") << order("b", "visa", "here")
                              << order("c", "visa", "here");
  BOOST_TEST(run("order_service/order_service", s.at("shop") + " <" + s.at("more")).code == 0);
  BOOST_TEST(shipped() == 3);
  std::ofstream(s.at("stock")) << "stock {\"id\":\"s2\",\"item\":\"tea\",\"count\":1}\n";
  BOOST_TEST(run("order_service/order_service", s.at("shop") + " <" + s.at("stock")).code == 0);
  BOOST_TEST(shipped() == 4);
  check_clean(s.at("shop") + "/data");
}

BOOST_AUTO_TEST_SUITE_END()
