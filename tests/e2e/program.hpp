// program.hpp - drives the real tenax program from tests: starts it, waits for it with a deadline,
// keeps what it prints.
// Depends on POSIX and nlohmann-json. One thread.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

namespace e2e {

using json = nlohmann::json;
using arguments = std::vector<std::string>;

/// How a program ended. `exit_code` is -1 when a signal ended it or when it was killed at the
/// deadline.
struct outcome {
  int exit_code = -1;
  int signal = 0;
  bool timed_out = false;
  std::string out;
  std::string err;
};

enum class output { pipes, terminal };
enum class input { inherited, from_test };

/// A program that was started and is killed at the latest when the object goes away.
class process {
 public:
  /// On a terminal, stdout and stderr are one and arrive in `out`.
  explicit process(const arguments& argv, output to = output::pipes, input from = input::inherited);
  ~process();
  process(const process&) = delete;
  process& operator=(const process&) = delete;

  [[nodiscard]] pid_t pid() const noexcept { return pid_; }
  void send(int signal) const;
  /// To its stdin, with input::from_test. False: it has closed it, or does not read.
  bool write(std::string_view text);
  void end_input();
  /// What it has printed on stdout since the last call, waiting at most so long for the first of
  /// it.
  [[nodiscard]] std::string take_output(std::chrono::milliseconds most);
  /// Reads until the program has printed `text` on stdout, or ended, or the time is up.
  bool wait_for(std::string_view text, std::chrono::milliseconds most);
  /// Reads until it ends; kills it at the deadline.
  outcome wait(std::chrono::milliseconds most = std::chrono::minutes(2));

 private:
  bool read_some(std::chrono::milliseconds most);

  pid_t pid_ = -1;
  int in_ = -1;
  int out_ = -1;
  int err_ = -1;
  outcome result_;
};

/// Looks every so often until the condition holds; false when the time is up.
bool eventually(const std::function<bool()>& holds,
                std::chrono::milliseconds most = std::chrono::seconds(20),
                std::chrono::milliseconds every = std::chrono::milliseconds(20));

/// argv[0] is looked up in PATH.
[[nodiscard]] outcome run(const arguments& argv,
                          std::chrono::milliseconds most = std::chrono::minutes(2));

/// A directory for one test: files, and a data directory that does not exist at first. As a fixture
/// it ends each test with `tenax verify`.
class world {
 public:
  world();
  ~world();
  /// Boost.Test calls it after the test: what is stored must be without findings.
  void teardown();

  /// Writes a file and returns its path.
  [[nodiscard]] std::string file(const std::string& name, std::string_view text) const;
  [[nodiscard]] std::string path(const std::string& name) const { return (dir_ / name).string(); }
  [[nodiscard]] std::string data() const { return path("data"); }

  /// The command line of the program: tenax ARGS --data-dir DATA.
  [[nodiscard]] arguments command(arguments args) const;
  [[nodiscard]] outcome tenax(arguments args) const;
  /// The same with another data directory, path("other").
  [[nodiscard]] outcome other(arguments args) const;
  /// With --output json: what it printed, which must be one JSON document.
  [[nodiscard]] json tenax_json(arguments args, int exit_code = 0) const;
  /// All workflows, by id.
  [[nodiscard]] std::vector<json> workflows() const;
  /// What `export` printed, a document a line.
  [[nodiscard]] std::vector<json> exported() const;

 private:
  std::filesystem::path dir_;
};

/// Whether mount namespaces may be made here (root in most containers). Says so when not.
[[nodiscard]] bool can_mount();

/// Whether the text is free of control characters but for line ends.
[[nodiscard]] bool plain(std::string_view text);
[[nodiscard]] bool contains(std::string_view text, std::string_view part);

}  // namespace e2e
