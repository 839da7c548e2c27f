#include "node/command.hpp"

#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <poll.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <memory>
#include <utility>

#include "model/documents/json_writer.hpp"
#include "node/text.hpp"

namespace tenax::node {

namespace {

spdlog::level::level_enum spdlog_level(log_level l) noexcept {
  switch (l) {
    case log_level::debug:
      return spdlog::level::debug;
    case log_level::info:
      return spdlog::level::info;
    case log_level::warning:
      return spdlog::level::warn;
    case log_level::error:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

/// Of the object that the pattern begins and ends.
std::string log_members(std::string_view message, const log_fields& about) {
  std::string text;
  model::json_writer out(text);
  out.string("message", message);
  out.optional_string("workflow", about.workflow);
  out.optional_string("action", about.action);
  if (about.attempt != 0) out.number("attempt", about.attempt);
  out.optional_string("request_id", about.request_id);
  return text;
}

}  // namespace

void print(std::string_view text) {
  if (!output_failed()) std::fwrite(text.data(), 1, text.size(), stdout);
}

void print_line(const json& value) { print_line(dump(value)); }
void print_line(const std::string& text) { print(text + '\n'); }

bool output_failed() { return std::ferror(stdout) != 0; }

int finish_output(int code) {
  const bool written = std::fflush(stdout) == 0 && !output_failed();
  if (written) return code;
  pollfd out{STDOUT_FILENO, POLLOUT, 0};
  if (::poll(&out, 1, 0) > 0 && (out.revents & POLLERR) != 0) return exit_closed_pipe;
  complain("the output could not be written");
  return exit_engine_error;
}

void complain(std::string_view message) { complain_at("tenax: " + std::string{message}); }

void complain_at(std::string_view place_and_message) {
  const auto line = printable(place_and_message) + '\n';
  std::fwrite(line.data(), 1, line.size(), stderr);
}

int report_error(const common_options& common, std::string_view what, const error& e) {
  auto line = std::string{what} + ": " +
              (e.message().empty() ? std::string{describe(e.code())} : e.message());
  complain(line + " [" + std::string{to_string(e.code())} + "]");
  for (const auto& f : e.faults())
    complain_at("  " + (f.path.empty() ? std::string{"(document)"} : f.path) + ": " + f.message);
  if (common.json) print_line(to_json(e));
  return finish_output(exit_of(e.code()));
}

int report_usage(const common_options& common, const std::vector<std::string>& faults) {
  for (const auto& f : faults) complain(f);
  if (common.json) {
    json list = json::array();
    for (const auto& f : faults) list.push_back({{"path", ""}, {"message", f}});
    print_line({{"error",
                 {{"code", "invalid_argument"},
                  {"message", "the options do not fit"},
                  {"faults", std::move(list)}}}});
  }
  return finish_output(exit_bad_input);
}

std::string process_name(int pid) {
  if (pid <= 0) return "a process that cannot be named from here";
  auto out = "process " + std::to_string(pid);
  std::ifstream comm{"/proc/" + std::to_string(pid) + "/comm"};
  std::string name;
  if (std::getline(comm, name) && !name.empty()) out += " (" + name + ")";
  return out;
}

std::optional<error> missing(const std::filesystem::path& data_dir) {
  std::error_code ec;
  if (std::filesystem::status(data_dir, ec).type() != std::filesystem::file_type::not_found)
    return std::nullopt;
  return error{errc::data_dir_unusable, data_dir.string() +
                                            " does not exist; tenax run makes it, and --data-dir "
                                            "names another"};
}

result<reader> open_reader(const std::filesystem::path& data_dir) {
  if (auto gone = missing(data_dir)) return *std::move(gone);
  return reader::open(data_dir);
}

error explained(const error& e, const std::filesystem::path& data_dir) {
  auto message = data_dir.string() + ": ";
  if (e.code() == errc::data_dir_locked) {
    const auto owner = data_dir_owner(data_dir);
    message += (owner ? process_name(*owner) : std::string{"another process"}) + " has it open";
    return {e.code(), std::move(message), e.faults()};
  }
  const auto said = e.message().empty() ? std::string{describe(e.code())} : e.message();
  if (said.find(data_dir.string()) != std::string::npos) return e;
  return {e.code(), message + said, e.faults()};
}

log_sink make_log(std::string_view level, std::function<void(const std::function<void()>&)> around,
                  log_format format) {
  auto sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  auto logger = std::make_shared<spdlog::logger>("tenax", std::move(sink));
  const bool as_json = format == log_format::json;
  logger->set_formatter(std::make_unique<spdlog::pattern_formatter>(
      as_json ? R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l",%v})"
              : "%Y-%m-%dT%H:%M:%S.%eZ %l %v",
      spdlog::pattern_time_type::utc));
  logger->set_level(level == "off" ? spdlog::level::off
                                   : spdlog::level::from_str(std::string{level}));
  return [logger, as_json, around = std::move(around)](log_level l, std::string_view message,
                                                       const log_fields& about) {
    const auto at = spdlog_level(l);
    if (!logger->should_log(at)) return;
    const auto write = [&] {
      logger->log(at, as_json ? log_members(message, about) : printable(message));
    };
    if (around)
      around(write);
    else
      write();
  };
}

}  // namespace tenax::node
