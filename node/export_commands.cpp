#include "node/export_commands.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "model/documents/export_lines.hpp"
#include "node/engines.hpp"
#include "node/text.hpp"
#include "storage/export.hpp"

namespace tenax::node {

namespace {

/// The lines of a file, from the first to the last.
class line_reader {
 public:
  explicit line_reader(std::FILE* from) : from_(from) {}

  /// The next one without its end, nothing after the last. Error invalid_argument: it is too long,
  /// or cannot be read.
  result<std::optional<std::string>> next() {
    std::string line;
    for (bool any = false;; any = true) {
      if (at_ == end_ && !fill()) {
        if (std::ferror(from_) != 0) return unreadable();
        return any ? std::optional(std::move(line)) : std::nullopt;
      }
      const char* const begin = buffer_.data() + at_;
      const auto* const newline = static_cast<const char*>(std::memchr(begin, '\n', end_ - at_));
      const char* const stop = newline != nullptr ? newline : buffer_.data() + end_;
      line.append(begin, stop);
      at_ = static_cast<std::size_t>(stop - buffer_.data()) + (newline != nullptr ? 1 : 0);
      if (newline != nullptr) return std::optional(std::move(line));
      if (line.size() > model::export_line_bytes_max) {
        return error{
            errc::invalid_argument,
            "the line is longer than " + std::to_string(model::export_line_bytes_max) + " bytes"};
      }
    }
  }

 private:
  bool fill() {
    at_ = 0;
    end_ = std::fread(buffer_.data(), 1, buffer_.size(), from_);
    if (end_ == 0) read_error_ = errno;
    return end_ > 0;
  }
  [[nodiscard]] error unreadable() const {
    return {errc::invalid_argument,
            "cannot be read: " + std::generic_category().message(read_error_)};
  }

  std::FILE* from_;
  std::vector<char> buffer_ = std::vector<char>(64 * 1024);
  std::size_t at_ = 0;
  std::size_t end_ = 0;
  int read_error_ = 0;
};

struct close_file {
  void operator()(std::FILE* f) const noexcept {
    if (f != stdin) std::fclose(f);
  }
};
using file = std::unique_ptr<std::FILE, close_file>;

/// Says what becomes of workflows that are not written, as it happens.
class import_notes {
 public:
  import_notes(const common_options& common, std::string name)
      : common_(common), name_(std::move(name)) {}

  void operator()(const storage::import_note& n) {
    if (!n.same) complain_at(place(n.line) + ": workflow " + n.id + ": " + n.what);
    if (!common_.json) {
      if (n.same) print(printable(n.id) + ": there already\n");
      return;
    }
    auto& list = n.same ? same_ : refused_;
    if (list.size() < kept_max) list.push_back(n.id);
  }
  [[nodiscard]] std::string place(std::uint64_t line) const {
    return name_ + ":" + std::to_string(line);
  }
  /// What has been done; of ids only the first.
  [[nodiscard]] json summary(const storage::import_report& done) const {
    return {{"imported", done.workflows}, {"events", done.events},
            {"there_already", done.same}, {"refused", done.refused},
            {"ids_there_already", same_}, {"ids_refused", refused_}};
  }

 private:
  static constexpr std::size_t kept_max = 1'000;
  const common_options& common_;
  std::string name_;
  json same_ = json::array();
  json refused_ = json::array();
};

std::string count(std::uint64_t n, std::string_view what) {
  return std::to_string(n) + " " + std::string{what} + (n == 1 ? "" : "s");
}

}  // namespace

int export_command(const common_options& common, const export_options& o) {
  const auto failed = [&](const error& e) {
    return report_error(common, "cannot export", explained(e, common.data_dir));
  };
  if (const auto no = needs_directory(common, "export"))
    return report_error(common, "cannot export", *no);
  if (const auto gone = missing(common.data_dir)) return failed(*gone);
  const auto from = storage::open_reading_store(common.data_dir);
  if (!from) return failed(from.error());
  const auto done = storage::export_workflows(**from, o.ids, [](std::string_view line) {
    print(line);
    print("\n");
    return !output_failed();
  });
  if (!done) return failed(done.error());
  return finish_output(exit_ok);
}

int import_command(const common_options& common, const import_options& o) {
  if (const auto no = needs_directory(common, "import"))
    return report_error(common, "cannot import", *no);
  const bool is_stdin = o.file == "-";
  const auto name = is_stdin ? std::string{"(stdin)"} : o.file;
  const file input(is_stdin ? stdin : std::fopen(o.file.c_str(), "re"));
  if (!input) {
    return report_error(
        common, "cannot import",
        {errc::invalid_argument, name + ": " + std::generic_category().message(errno)});
  }
  line_reader lines(input.get());
  import_notes notes(common, name);
  const auto done = storage::import_workflows(
      common.data_dir, {}, [&] { return lines.next(); }, std::ref(notes));
  auto out = notes.summary(done);
  int code = done.refused > 0 ? exit_bad_input : exit_ok;
  if (done.failure) {
    const auto at_fault =
        done.line > 0
            ? error{done.failure->code(), notes.place(done.line) + ": " + done.failure->message()}
            : explained(*done.failure, common.data_dir);
    code = exit_of(at_fault.code());
    complain_at(at_fault.message() + " [" + std::string{to_string(at_fault.code())} + "]");
    out.update(to_json(at_fault));
  }
  if (common.json) {
    print_line(out);
  } else {
    print("imported: " + count(done.workflows, "workflow") + ", " + count(done.events, "event") +
          "; there already: " + std::to_string(done.same) +
          "; refused: " + std::to_string(done.refused) + '\n');
  }
  return finish_output(code);
}

}  // namespace tenax::node
