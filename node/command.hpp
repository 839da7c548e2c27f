// command.hpp - what all commands share: the common options, how results and errors are printed,
// how a data directory is opened.
// Depends on include/tenax and node/json_output. Main thread only.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "node/exit_codes.hpp"
#include "node/json_output.hpp"
#include "node/text.hpp"
#include "tenax/engine.hpp"

namespace tenax::node {

struct common_options {
  std::filesystem::path data_dir = default_data_dir;
  bool has_data_dir = false;  ///< the option was given
  std::string server;         ///< a URL; "": TENAX_SERVER, see node/engines.hpp
  std::filesystem::path cacert;
  std::filesystem::path token_file;  ///< empty: TENAX_TOKEN
  bool json = false;
  std::string log_level = "warning";  ///< debug | info | warning | error | off
};

/// Writes to stdout. Once that has failed (a full disk, say) everything after is dropped.
void print(std::string_view text);
void print_line(const json& value);
/// JSON that is text already.
void print_line(const std::string& text);
[[nodiscard]] bool output_failed();
/// Flushes; when anything could not be written, exit_closed_pipe in silence or exit_engine_error
/// with a message, else `code`.
[[nodiscard]] int finish_output(int code);

/// One line to stderr: "tenax: ...". Control characters are escaped.
void complain(std::string_view message);
/// The same without the program's name: for "FILE:path: message", which editors can jump to.
void complain_at(std::string_view place_and_message);

/// What is done, for report_error.
[[nodiscard]] inline std::string about(std::string_view id) {
  return "workflow " + std::string{id};
}

/// Tells what went wrong while doing `what` (on stderr, and with --output json on stdout too), and
/// returns the exit code.
int report_error(const common_options& common, std::string_view what, const error& e);

/// The same of options that do not fit, one sentence each.
int report_usage(const common_options& common, const std::vector<std::string>& faults);

/// "process 1234 (tenax)"; of a data_dir_owner.
[[nodiscard]] std::string process_name(int pid);

/// The error for a data directory that does not exist. Only `run` makes one.
[[nodiscard]] std::optional<error> missing(const std::filesystem::path& data_dir);

/// Opens for reading; says that the directory does not exist when it does not.
[[nodiscard]] result<reader> open_reader(const std::filesystem::path& data_dir);

/// An engine::open error with what helps: who holds the directory.
[[nodiscard]] error explained(const error& e, const std::filesystem::path& data_dir);

/// Where the engine's log goes: stderr, from the level on. JSON: an object a line, with time,
/// level, message, and, where they are known, workflow, action, attempt, request_id. `around` is
/// called with the function that writes one line, so that a progress display can step aside; empty:
/// written at once.
enum class log_format : bool { text, json };
[[nodiscard]] log_sink make_log(std::string_view level,
                                std::function<void(const std::function<void()>&)> around = {},
                                log_format format = log_format::text);

}  // namespace tenax::node
