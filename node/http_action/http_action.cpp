#include "tenax/http_action.hpp"

#include <algorithm>
#include <charconv>
#include <memory>
#include <utility>

#include "handlers/input.hpp"
#include "http/text.hpp"
#include "model/documents/base64.hpp"
#include "model/documents/json_writer.hpp"
#include "node/http_action/request.hpp"
#include "node/http_action/transfer.hpp"

namespace tenax::http_action {

namespace {

using end = answer::end;

constexpr milliseconds timeout_max{24 * 60 * 60 * 1'000};
/// Whatever the other side says.
constexpr milliseconds retry_after_max{24 * 60 * 60 * 1'000};
constexpr std::size_t response_bytes_most = 64U << 20;
constexpr std::size_t answer_shown_max = 256;

/// What an http action is allowed, read once.
struct rules {
  explicit rules(http_options o)
      : options(std::move(o)), faults(options.faults()), hosts(options.allow_hosts) {}
  http_options options;
  std::vector<std::string> faults;
  allowed_hosts hosts;

  [[nodiscard]] request_rules of_requests() const {
    return {hosts, options.timeout, static_cast<bool>(options.secrets)};
  }
};

std::vector<fault> faults_of(request& asked, const rules& allowed) {
  auto out = asked.take_faults();
  for (const auto& wrong : allowed.faults) out.push_back({"", "the options of http: " + wrong});
  return out;
}

/// How long the other side wants to be left alone. Nothing: it does not say, or a time that has
/// passed.
std::optional<milliseconds> wait_of(const std::string& retry_after, wall_time now) {
  std::int64_t seconds = 0;
  const auto* const last = retry_after.data() + retry_after.size();
  const auto read = std::from_chars(retry_after.data(), last, seconds);
  milliseconds wait{0};
  if (read.ptr == last && read.ec == std::errc{}) {
    wait = milliseconds{std::clamp(seconds, std::int64_t{0}, std::int64_t{1'000'000'000}) * 1'000};
  } else if (const auto at = curl_getdate(retry_after.c_str(), nullptr); at != -1) {
    wait = std::chrono::ceil<milliseconds>(wall_time{std::chrono::seconds{at}} - now);
  }
  if (wait <= milliseconds{0}) return std::nullopt;
  return std::min(wait, retry_after_max);
}

bool is_json(std::string_view content_type) {
  const auto type = http::to_lower(content_type.substr(0, content_type.find_first_of("; \t")));
  return type == "application/json" || type.ends_with("+json");
}

/// As JSON if it is, within the one object around it that the result is.
bool put_json(model::json_writer& out, const std::string& body, const secret_texts& secrets) {
  const auto parsed = model::parse_json(body, {limits{}.json_depth_max - 1, false});
  if (parsed.failure != model::json_failure::none) return false;
  std::string text;
  model::append_json(text, parsed.tree, model::json_tree::root, SIZE_MAX,
                     [&](std::string& to, model::json_at at, std::size_t) {
                       const std::string value(parsed.tree.text(at));  // its escapes are read now
                       model::append_json_string(to, secrets.taken_out_of(value));
                       return true;
                     });
  // Names of members, too. Where that leaves no JSON, it is a text.
  auto clean = secrets.taken_out_of(text);
  if (clean != text && model::parse_json(clean, {limits{}.json_depth_max - 1, false}).failure !=
                           model::json_failure::none) {
    return false;
  }
  out.raw("body", clean);
  return true;
}

std::string body_of(const answer& got, const secret_texts& secrets) {
  return got.is_truncated ? secrets.taken_out_of_cut(got.body) : secrets.taken_out_of(got.body);
}

void put_body(model::json_writer& out, const answer& got, const secret_texts& secrets) {
  const auto body = body_of(got, secrets);
  if (body.empty()) return out.null("body");
  if (is_json(got.content_type) && !got.is_truncated && put_json(out, body, secrets)) return;
  const auto bad = model::find_invalid_utf8(body);
  constexpr std::size_t cut_character_max = 3;
  if (bad == body.npos || (got.is_truncated && body.size() - bad <= cut_character_max))
    return out.string("body", std::string_view(body).substr(0, bad));
  out.string("body_base64", model::encode_base64(body));
}

std::string result_of(const answer& got, const secret_texts& secrets) {
  std::string text;
  model::json_writer out(text);
  out.begin_object();
  out.number("status", got.status);
  put_body(out, got, secrets);
  if (got.is_truncated) out.boolean("body_truncated", true);
  out.end_object();
  return text;
}

/// Of an answer that is no success. `may_repeat`: once is not the most that it may be done.
outcome refusal_of(const answer& got, const secret_texts& secrets, wall_time now, bool may_repeat) {
  const auto error_class = "http_" + std::to_string(got.status);
  auto message = "HTTP " + std::to_string(got.status);
  if (got.status < 400)
    return outcome::fatal(error_class, message + ": redirects are not followed");
  const auto said = builtin::printable(body_of(got, secrets), answer_shown_max);
  if (!said.empty()) message += ": " + said;
  switch (got.status) {
    case 503:  // also of a proxy that lost the server's answer
      if (!may_repeat) return outcome::unknown(error_class, message);
      [[fallthrough]];
    case 429:
      return outcome::failure(error_class, message, wait_of(got.retry_after, now));
    case 408:
      if (!may_repeat) return outcome::unknown(error_class, message);
      [[fallthrough]];
    case 425:
      return outcome::failure(error_class, message);
    default:
      break;
  }
  if (got.status < 500) return outcome::fatal(error_class, message);
  return outcome::unknown(error_class, message);  // it may have been done before that
}

outcome outcome_of(const answer& got, const request& asked, const secret_texts& secrets,
                   const action_context& ctx) {
  const auto no_answer = [&](const char* error_class, std::string why) {
    if (got.was_sent) return outcome::unknown(error_class, std::move(why));
    return outcome::failure(error_class, "not sent: " + why);
  };
  const auto why = builtin::printable(secrets.taken_out_of(got.why), answer_shown_max);
  const auto& host = asked.target().host;
  switch (got.how) {
    case end::refused:
      return outcome::fatal("http_refused_address", host + " is at " + why +
                                                        ", where no request may go unless it is "
                                                        "allowed by address");
    case end::stopped:
      return no_answer("stopped", "the engine asked to stop");
    case end::timed_out:
      return no_answer("http_timeout", host + ": no answer within " +
                                           std::to_string(asked.timeout().count()) + " ms");
    case end::failed:
      return no_answer("http_network", host + ": " + why);
    case end::answered:
      break;
  }
  if (got.status >= 200 && got.status < 300) return outcome::success(result_of(got, secrets));
  return refusal_of(got, secrets, ctx.now, ctx.delivery == delivery::at_least_once);
}

outcome run_http(const action_context& ctx, const rules& allowed) {
  request asked(ctx.input, ctx.input_written.empty() ? ctx.input : ctx.input_written,
                allowed.of_requests());
  if (const auto faults = faults_of(asked, allowed); !faults.empty())
    return builtin::bad_input(faults);
  secret_texts secrets;
  for (const auto& name : asked.secrets())
    if (auto wrong = secrets.add(name, allowed.options.secrets)) return *std::move(wrong);
  const auto url = asked.url(secrets);
  outgoing out{asked.method(), url.get(), asked.target(), asked.headers(secrets, ctx),
               asked.body(secrets)};
  for (const auto& [name, value] : out.headers)
    if (std::ranges::any_of(value, http::is_control))
      return outcome::fatal("secret_unusable", "the header " + name + " would have a line end");
  if (!url) return outcome::failure("http_network", "not sent: libcurl has no memory");
  const transfer_limits bounds{asked.timeout(), allowed.options.connect_timeout,
                               allowed.options.response_bytes_max};
  const auto got = transfer(out, allowed.hosts, bounds, allowed.options.cacert, ctx.stop);
  return outcome_of(got, asked, secrets, ctx);
}

}  // namespace

}  // namespace tenax::http_action

namespace tenax {

std::vector<std::string> http_options::faults() const {
  std::vector<std::string> out;
  if (allow_hosts.empty()) out.emplace_back("allow_hosts: no host is allowed");
  const http_action::allowed_hosts read(allow_hosts, &out);
  const auto check = [&](const char* name, milliseconds value) {
    if (value >= milliseconds{1} && value <= http_action::timeout_max) return;
    out.push_back(std::string(name) + " must be 1 ms to 1 day, it is " +
                  std::to_string(value.count()) + " ms");
  };
  check("timeout", timeout);
  check("connect_timeout", connect_timeout);
  if (response_bytes_max == 0 || response_bytes_max > http_action::response_bytes_most)
    out.push_back("response_bytes_max must be 1 to 67108864, it is " +
                  std::to_string(response_bytes_max));
  return out;
}

void builtin::add_http(handler_registry& registry, http_options options, action_options action) {
  const auto allowed = std::make_shared<const http_action::rules>(std::move(options));
  action.mode = run_mode::blocking;
  if (!action.check) {
    action.check = [allowed](std::string_view input) {
      http_action::request asked(input, input, allowed->of_requests());
      return http_action::faults_of(asked, *allowed);
    };
  }
  registry.add(
      "http", [allowed](const action_context& ctx) { return http_action::run_http(ctx, *allowed); },
      std::move(action));
}

}  // namespace tenax
