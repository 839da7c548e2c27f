// comma_locale.hpp - a host whose locale writes numbers as 1.234,5, in C and in C++. Depends on std
// and on `localedef` (libc-bin, which every Debian has; not on the package `locales`). Of the whole
// process: make it before threads, one at a time.
#pragma once

#include <stdlib.h>

#include <clocale>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <locale>
#include <stdexcept>
#include <string>

namespace tenax::tests {

class comma_locale {
 public:
  comma_locale() {
    if (is_set()) return;  // the whole suite runs under it
    mine_ = true;
    namespace fs = std::filesystem;
    std::string made = (fs::temp_directory_path() / "tenax-locale-XXXXXX").string();
    if (::mkdtemp(made.data()) == nullptr) throw std::runtime_error("no temporary directory");
    const fs::path dir = made;
    // Both are all that localedef needs for numbers; it says at length what else is missing.
    std::ofstream(dir / "comma.src") << "comment_char %\nescape_char /\nLC_NUMERIC\n"
                                        "decimal_point \",\"\nthousands_sep \".\"\n"
                                        "grouping 3;3\nEND LC_NUMERIC\n";
    std::ofstream(dir / "comma.map") << "<code_set_name> ANSI_X3.4-1968\n<mb_cur_min> 1\n"
                                        "<mb_cur_max> 1\nCHARMAP\n<U0000> /x00 NULL\n"
                                        "<U002C> /x2c COMMA\n<U002E> /x2e FULL STOP\n"
                                        "END CHARMAP\n";
    const std::string make = "cd '" + made +
                             "' && PATH=$PATH:/usr/bin localedef -c --no-archive -i comma.src "
                             "-f ./comma.map ./comma >/dev/null 2>&1";
    (void)(std::system(make.c_str()) == 0);  // 1: warnings
    ::setenv("LOCPATH", made.c_str(), 1);
    // The C++ one first: it has no name, so it leaves C alone.
    std::locale::global(std::locale(std::locale::classic(), new comma_numbers));
    const char* const set = std::setlocale(LC_NUMERIC, "comma");
    ::unsetenv("LOCPATH");
    fs::remove_all(dir);
    if (set == nullptr || !is_set()) {
      throw std::runtime_error("localedef made no locale with a comma");
    }
  }
  ~comma_locale() {
    if (!mine_) return;
    std::setlocale(LC_NUMERIC, "C");
    std::locale::global(std::locale::classic());
  }
  comma_locale(const comma_locale&) = delete;
  comma_locale& operator=(const comma_locale&) = delete;

 private:
  struct comma_numbers : std::numpunct<char> {
    char do_decimal_point() const override { return ','; }
    char do_thousands_sep() const override { return '.'; }
    std::string do_grouping() const override { return "\3"; }
  };
  static bool is_set() { return std::string(std::localeconv()->decimal_point) == ","; }

  bool mine_ = false;
};

}  // namespace tenax::tests
