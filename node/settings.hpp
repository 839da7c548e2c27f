// settings.hpp - what a command can be told, and by whom: an option goes before the environment,
// and that before a file. The options of the command line are the one table of settings: an option
// --drain-ms is TENAX_DRAIN_MS in the environment and drain_ms in a file.
// Depends on CLI11 and node/. Main thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace CLI {
class Option;
}

namespace tenax::node {

class settings {
 public:
  /// Each with a long name. They must outlive this.
  explicit settings(const std::vector<CLI::Option*>& options);

  /// After the command line was read: what it has not given is taken from the environment, or else
  /// from the file; options run their checks. Lists are parted by commas in the environment. An
  /// empty variable is none. Throws CLI::ParseError, which says where the faulty value is.
  void resolve(const std::optional<std::string>& file);

  struct row {
    std::string key;
    std::vector<std::string> values;  ///< none: it was not given and has no default
    bool is_list = false;
    std::string from;  ///< "--drain-ms", "TENAX_DRAIN_MS", "FILE:3:12", "default"
  };
  [[nodiscard]] std::vector<row> rows() const;
  /// Variables of the environment that are no setting but look like one, a message each. Others
  /// with TENAX_ in front may be of another program (Kubernetes names them after services).
  [[nodiscard]] std::vector<std::string> misspelt() const;

 private:
  struct one {
    CLI::Option* option;
    std::string key;
    std::string from;
  };
  void take_file(const std::string& file);
  void take(one& s, const std::vector<std::string>& words, const std::string& from);

  std::vector<one> all_;
};

/// CLI11 reads more into words than a shell does: `[a,b]` as a list, `{}` as an empty one, `++` as
/// the end of a command, and what follows `--` as options of the program. A word that is meant as
/// it is gets this in front, and loses it before anything looks at it.
inline constexpr char as_it_is = '\x01';
[[nodiscard]] bool means_more(std::string_view word);

}  // namespace tenax::node
