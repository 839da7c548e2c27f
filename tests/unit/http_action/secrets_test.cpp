// Secrets: where they come from, where they go, and where they never are.
#include "tenax/http_action.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <mutex>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "node/http_action/secret_texts.hpp"
#include "tenax/engine.hpp"
#include "tenax/http_action.hpp"
#include "tests/unit/http_action/support.hpp"
#include "tests/unit/node/scripted.hpp"

using namespace tenax;
using http_action::secret_texts;
using http_action_test::has;
using node_test::answer;
using node_test::scripted;
using json = nlohmann::ordered_json;
namespace fs = std::filesystem;

namespace {

const std::string value = "s3cr3t/\"with\" spaces";

/// A directory of secrets, and one for data.
struct fixture {
  fixture() {
    std::string made = (fs::temp_directory_path() / "tenax-secrets-XXXXXX").string();
    BOOST_REQUIRE(::mkdtemp(made.data()) != nullptr);
    dir = made;
    fs::create_directory(dir / "secrets");
    put("token", value + "\n");
  }
  ~fixture() {
    std::error_code ignored;
    fs::remove_all(dir, ignored);
  }
  fixture(const fixture&) = delete;
  fixture& operator=(const fixture&) = delete;

  void put(const std::string& name, const std::string& text, ::mode_t mode = 0600) const {
    const auto file = dir / "secrets" / name;
    std::ofstream(file, std::ios::binary) << text;
    ::chmod(file.c_str(), mode);
  }
  [[nodiscard]] secret_source source() const { return secrets_in(dir / "secrets"); }
  [[nodiscard]] http_options allowing(const scripted& server) const {
    http_options out;
    out.allow_hosts = {server.url().substr(7)};
    out.secrets = source();
    return out;
  }
  [[nodiscard]] outcome call(const scripted& server, const json& input,
                             const json& written = nullptr) const {
    handler_registry registry;
    builtin::add_http(registry, allowing(server));
    const auto text = input.dump();
    const auto written_text = written.is_null() ? "" : written.dump();
    action_context ctx;
    ctx.input = text;
    ctx.input_written = written_text;
    return registry.find("http")->run(ctx);
  }

  fs::path dir;
};

/// The files below that hold it, byte by byte.
std::vector<std::string> files_with(const fs::path& dir, std::string_view text) {
  std::vector<std::string> out;
  for (const auto& entry : fs::recursive_directory_iterator(dir)) {
    if (!entry.is_regular_file()) continue;
    std::ifstream in(entry.path(), std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(in), {}};
    if (has(bytes, text)) out.push_back(entry.path());
  }
  return out;
}

json with_secret(const scripted& server) {
  return {{"method", "POST"},
          {"url", server.url() + "/secret:token?key=secret:token"},
          {"headers", {{"Authorization", "Bearer secret:token"}}},
          {"body", {{"password", "secret:token"}, {"text", "mysecret:token secret:other"}}},
          {"secrets", {"token"}}};
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(secrets, fixture)

BOOST_AUTO_TEST_CASE(a_secret_is_put_where_its_name_is_and_nowhere_else) {
  scripted server({answer("200 OK", "")});
  const auto o = call(server, with_secret(server));
  BOOST_REQUIRE_MESSAGE((o.what == outcome::kind::success), o.message);
  const auto sent = server.requests().at(0);
  const auto line = sent.substr(0, sent.find("\r\n"));
  BOOST_TEST(
      (line == "POST /s3cr3t%2f%22with%22%20spaces?key=s3cr3t%2f%22with%22%20spaces HTTP/1.1" ||
       line == "POST /s3cr3t%2F%22with%22%20spaces?key=s3cr3t%2F%22with%22%20spaces HTTP/1.1"),
      line);
  BOOST_TEST(has(sent, "\r\nAuthorization: Bearer " + value + "\r\n"));
  BOOST_TEST(sent.ends_with("{\"password\":\"s3cr3t/\\\"with\\\" spaces\","
                            "\"text\":\"mysecret:token secret:other\"}"),
             sent);
}

BOOST_AUTO_TEST_CASE(only_what_an_action_lists_is_a_secret_of_its) {
  scripted server({answer("200 OK", "")});
  // What another host has answered may be in a body by a reference: it names no secret.
  json input{{"method", "POST"}, {"url", server.url()}, {"body", "secret:token"}};
  BOOST_TEST((call(server, input).what == outcome::kind::success));
  BOOST_TEST(server.requests().at(0).ends_with("\r\n\r\nsecret:token"));
  input = {{"method", "GET"}, {"url", server.url()}, {"headers", {{"A", "secret:token"}}}};
  const auto in_header = call(server, input);
  BOOST_TEST(in_header.error_class == "bad_input");
  BOOST_TEST(
      has(in_header.message, "/headers/A names the secret token, which is not in `secrets`"));
  input = {{"method", "GET"}, {"url", server.url() + "/?a=secret:token"}};
  BOOST_TEST(has(call(server, input).message, "/url names the secret token"));
}

BOOST_AUTO_TEST_CASE(what_a_reference_brings_names_no_secret) {
  scripted server({answer("200 OK", ""), answer("200 OK", "")});
  const std::string from = "${actions.a.result.said}";
  const json written{{"method", "POST"},
                     {"url", server.url()},
                     {"headers", {{"A", "secret:token " + from}, {"B", from}}},
                     {"body", {{"k", {"secret:token", from}}, {"more", from}}},
                     {"secrets", {"token"}}};
  auto input = written;
  input["headers"]["A"] = "secret:token secret:token";
  input["headers"]["B"] = "secret:token";
  input["body"]["k"][1] = "secret:token";
  input["body"]["more"] = {{"deep", "secret:token"}};
  BOOST_TEST(call(server, input, written).message == "");
  const auto sent = server.requests().at(0);
  BOOST_TEST(has(sent, "\r\nA: " + value + " secret:token\r\n"), sent);
  BOOST_TEST(has(sent, "\r\nB: secret:token\r\n"), sent);
  BOOST_TEST(sent.ends_with("{\"k\":[\"s3cr3t/\\\"with\\\" spaces\",\"secret:token\"],"
                            "\"more\":{\"deep\":\"secret:token\"}}"),
             sent);
  // Nor does it say which there are, nor is it put into a URL beside one.
  auto by_reference = written;
  by_reference["secrets"] = from;
  BOOST_TEST(has(call(server, input, by_reference).message, "/secrets must be in the spec"));
  BOOST_TEST(has(call(server, input, from).message, "/secrets must be in the spec"));
  by_reference = written;
  by_reference["url"] = server.url() + "/" + from;
  input["url"] = server.url() + "/secret:token";
  BOOST_TEST(has(call(server, input, by_reference).message, "/url has a reference and a secret"));
}

BOOST_AUTO_TEST_CASE(a_secret_is_found_however_an_answer_spells_it) {
  put("odd", "ab/cd+ef\\gh ij\xc3\xa4%z\n");
  secret_texts texts;
  BOOST_REQUIRE(!texts.add("odd", source()));
  for (const std::string spelt :
       {"ab/cd+ef\\gh ij\xc3\xa4%z", R"(ab\/cd+ef\\gh ij\u00e4%z)",
        R"(\u0061b\u002Fcd+ef\u005cgh ij\u00E4\u0025z)", "ab/cd%2Bef%5cgh%20ij%c3%A4%25z",
        "ab%2fcd%2Bef%5Cgh+ij%C3%a4%25z"}) {
    BOOST_TEST(texts.taken_out_of("<" + spelt + ">") == "<[secret:odd]>", spelt);
    BOOST_TEST(texts.taken_out_of_cut("<" + spelt.substr(0, spelt.size() - 1)) == "<", spelt);
  }
  BOOST_TEST(texts.taken_out_of("ab/cd+ef") == "ab/cd+ef");
  scripted server(
      {answer("200 OK", R"({"s3cr3t\/\"with\" spaces":1})", "Content-Type: application/json\r\n")});
  BOOST_TEST(call(server, with_secret(server)).result ==
             R"({"status":200,"body":{"[secret:token]":1}})");
}

BOOST_AUTO_TEST_CASE(an_answer_that_repeats_a_secret_is_kept_without_it) {
  const auto quoted = json(value).dump();
  const std::string json_type = "Content-Type: application/json\r\n";
  scripted server({answer("200 OK", "you said " + value + "!"),
                   answer("200 OK", "{\"said\":" + quoted + ",\"n\":1.0}", json_type),
                   answer("200 OK", R"({"said":"s3cr3t\/\u0022with\" spaces"})", json_type),
                   answer("200 OK", "/s3cr3t%2f%22with%22%20spaces s3cr3t%2F%22with%22%20spaces"),
                   answer("401 x", "not " + value), answer("500 x", "not " + quoted)});
  const auto result = [&] { return call(server, with_secret(server)).result; };
  BOOST_TEST(result() == R"({"status":200,"body":"you said [secret:token]!"})");
  BOOST_TEST(result() == R"({"status":200,"body":{"said":"[secret:token]","n":1.0}})");
  BOOST_TEST(result() == R"({"status":200,"body":{"said":"[secret:token]"}})");
  BOOST_TEST(result() == R"({"status":200,"body":"/[secret:token] [secret:token]"})");
  BOOST_TEST(call(server, with_secret(server)).message == "HTTP 401: not [secret:token]");
  BOOST_TEST(call(server, with_secret(server)).message == "HTTP 500: not \"[secret:token]\"");
}

BOOST_AUTO_TEST_CASE(a_secret_that_is_cut_off_leaves_no_beginning) {
  secret_texts texts;
  BOOST_REQUIRE(!texts.add("token", source()));
  BOOST_TEST(texts.taken_out_of_cut("it is " + value.substr(0, 12)) == "it is ");
  BOOST_TEST(texts.taken_out_of_cut("it is " + value) == "it is [secret:token]");
  BOOST_TEST(texts.taken_out_of_cut("it is") == "it i");  // an 's' might be one
  BOOST_TEST(texts.taken_out_of_cut("") == "");
}

BOOST_AUTO_TEST_CASE(a_secret_that_cannot_be_had_fails_for_good_and_nothing_is_sent) {
  scripted server({answer("200 OK", "")});
  const auto wrong = [&](const std::string& name) {
    const auto o = call(server, {{"method", "GET"},
                                 {"url", server.url()},
                                 {"headers", {{"A", "secret:" + name}}},
                                 {"secrets", {name}}});
    BOOST_TEST((o.what == outcome::kind::fatal), name);
    BOOST_TEST(!has(o.message, value));
    return o.error_class + ": " + o.message;
  };
  BOOST_TEST(wrong("absent") == "secret_missing: there is no secret absent");
  put("open", value, 0644);
  BOOST_TEST(has(wrong("open"), "secret_unusable: the secret open cannot be used"));
  BOOST_TEST(has(wrong("open"), "chmod 600"));
  put("short", "1234567\n");
  BOOST_TEST(has(wrong("short"), "less than 8 bytes"));
  put("long", std::string((64 << 10) + 1, 'x'));
  BOOST_TEST(has(wrong("long"), "more than 64 KiB"));
  put("zero", std::string("12345678\0", 9));
  BOOST_TEST(has(wrong("zero"), "zero byte"));
  put("lines", value + "\nX-Other: 1");
  BOOST_TEST(has(wrong("lines"), "secret_unusable: the header A would have a line end"));
  fs::create_directory(dir / "secrets" / "folder");
  BOOST_TEST(has(wrong("folder"), "is no file"));
  BOOST_TEST(server.connections() == 0);
  if (::geteuid() == 0) {  // root reads anybody's
    BOOST_TEST(::chown((dir / "secrets" / "token").c_str(), 65534, 65534) == 0);
    BOOST_TEST((call(server, with_secret(server)).what == outcome::kind::success));
  }
}

BOOST_AUTO_TEST_CASE(names_of_secrets_are_no_paths) {
  put("token", value);
  const std::string too_long(129, 'a');
  for (const auto& name : std::vector<std::string>{"", "../token", "a/b", ".hidden", "a.b", "1a",
                                                   "-a", "a b", "\xc3\xa9", too_long}) {
    BOOST_TEST(!http_action::is_secret_name(name), name);
    BOOST_TEST(!source()(name).has_value(), name);
  }
  BOOST_TEST(http_action::is_secret_name("Ab_-9"));
  BOOST_TEST(source()("token").value() == value);
}

BOOST_AUTO_TEST_CASE(a_new_value_of_a_secret_holds_from_the_next_attempt_on) {
  scripted server({answer("200 OK", ""), answer("200 OK", "")});
  (void)call(server, with_secret(server));
  put("token", "another value\r\n");
  (void)call(server, with_secret(server));
  BOOST_TEST(has(server.requests().at(1), "\r\nAuthorization: Bearer another value\r\n"));
}

BOOST_AUTO_TEST_CASE(secrets_go_nowhere_in_clear) {
  http_options options;
  options.allow_hosts = {"api.example.com", "10.0.0.5"};
  options.secrets = source();
  handler_registry registry;
  builtin::add_http(registry, options);
  const auto faults = [&](const std::string& url) {
    const json input{{"method", "GET"}, {"url", url}, {"secrets", {"token"}}};
    return registry.find("http")->options.check(input.dump());
  };
  BOOST_TEST(faults("https://api.example.com/").empty());
  for (const auto* url : {"http://api.example.com/", "http://10.0.0.5/"}) {
    BOOST_REQUIRE(faults(url).size() == 1U);
    BOOST_TEST(faults(url)[0].path == "/secrets");
  }
  options.secrets = nullptr;
  builtin::add_http(registry, options);
  BOOST_TEST(has(faults("https://api.example.com/").at(0).message, "no place for secrets"));
}

BOOST_AUTO_TEST_CASE(no_secret_is_in_the_history_the_log_or_any_file) {
  scripted server({answer("503 x", "later, " + value, "Retry-After: 0\r\n"),
                   answer("200 OK", "welcome, " + value)});
  std::mutex mutex;
  std::string log;
  options opts;
  opts.log = [&](log_level, std::string_view text) {
    const std::lock_guard lock(mutex);
    log += text;
  };
  opts.retry.min_wait = opts.retry.max_wait = milliseconds{1};
  builtin::add_http(opts.handlers, allowing(server));
  std::string shown;
  {
    auto opened = engine::open(dir / "data", opts);
    BOOST_REQUIRE(opened);
    const json spec{
        {"id", "pay"},
        {"name", "pay"},
        {"actions", {{{"key", "a"}, {"type", "http"}, {"input", with_secret(server)}}}}};
    BOOST_REQUIRE(opened->submit_json(spec.dump()));
    const auto ended = opened->await("pay", std::chrono::seconds{20});
    BOOST_REQUIRE(ended);
    BOOST_TEST((ended->status == workflow_status::completed));
    for (const auto& a : opened->get("pay").value().actions) shown += a.result.value_or("");
    for (const auto& e : opened->history("pay").value()) shown += e.data;
    opened->close();
  }
  const auto sent = server.requests();
  BOOST_REQUIRE(sent.size() == 2U);
  for (const auto& request : sent) {
    BOOST_TEST(has(request, "\r\nIdempotency-Key: pay/a\r\n"));  // the same for each attempt
    BOOST_TEST(has(request, value));
  }
  BOOST_TEST(has(shown, "welcome, [secret:token]"), shown);
  BOOST_TEST(!has(shown, "s3cr3t"));
  BOOST_TEST(!has(log, "s3cr3t"));
  BOOST_TEST(files_with(dir / "data", "s3cr3t").empty());
  BOOST_TEST(!files_with(dir / "data", "welcome").empty());  // it would be found
}

BOOST_AUTO_TEST_SUITE_END()
