// failpoint.hpp - named places where tests stop, delay or fail the engine, and planted bugs that
// tests must catch. Both exist only in builds with TENAX_FAILPOINTS; in all others they cost
// nothing. Depends on std and POSIX only. Thread safe.
//
// Environment (read at the first hit):
//   TENAX_FAIL=name:nth:action,...   action: kill (SIGKILL to this process), sleep (50 ms), error
//                                    (the caller is to fail). nth counts from 1; "3+" means the
//                                    third hit and all later ones.
//   TENAX_FAIL_LOG=file              each name that this process hits is appended once, with one
//                                    write(2), before its action
//   TENAX_PLANT=number               the planted bug that this process has
#pragma once

#ifdef TENAX_FAILPOINTS
#include <cstdint>
#include <string_view>

namespace tenax::model {
/// Does what the plan says about this place. True: the caller is to fail.
bool failpoint_hit(const char* name) noexcept;
/// Replaces the plan, and counts from zero again. False, and an empty plan: not a plan.
bool set_failpoints(std::string_view plan);
/// How often this place was reached since then; 0 while the plan is empty.
std::uint64_t failpoint_hits(std::string_view name);
/// Whether this bug was chosen.
bool bug_planted(int number) noexcept;
void plant_bug(int number) noexcept;
}  // namespace tenax::model
#define TENAX_FAILPOINT(name) ::tenax::model::failpoint_hit(name)
#define TENAX_PLANTED(number) ::tenax::model::bug_planted(number)
#else
#define TENAX_FAILPOINT(name) false
#define TENAX_PLANTED(number) false
#endif
