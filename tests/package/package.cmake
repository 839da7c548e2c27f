# Installs the build, moves the prefix (it must be relocatable), builds and runs tests/package/consumer
# by find_package and by pkg-config, with the warnings that users have. Arguments: see
# tests/CMakeLists.txt.
cmake_minimum_required(VERSION 3.25)
set(work "${build}/tests/package")
set(prefix "${work}/moved")
set(consumer "${CMAKE_CURRENT_LIST_DIR}/consumer")
set(warnings -Wall -Wextra -Wshadow -Wconversion -Wsign-conversion -Wpedantic -Werror)
list(JOIN warnings " " warning_flags)
cmake_path(GET CMAKE_CURRENT_LIST_DIR PARENT_PATH source)
cmake_path(GET source PARENT_PATH source)
file(REMOVE_RECURSE "${work}")

function(run)
  execute_process(COMMAND ${ARGV} COMMAND_ECHO STDOUT TIMEOUT 600
                  COMMAND_ERROR_IS_FATAL ANY)
endfunction()

run(${CMAKE_COMMAND} --install "${build}" --prefix "${work}/installed")
file(RENAME "${work}/installed" "${prefix}")

# The README's first command builds all that is installed.
file(READ "${source}/examples/run.sh" text)
if(NOT text MATCHES "--target tenax_installed")
  message(FATAL_ERROR "examples/run.sh does not build the target tenax_installed")
endif()
if(generator STREQUAL "Ninja")
  execute_process(COMMAND ninja -C "${build}" -t query tenax_installed OUTPUT_VARIABLE built
                  COMMAND_ERROR_IS_FATAL ANY)
  file(READ "${build}/cmake_install.cmake" text)
  string(REGEX MATCHALL "FILES \"${build}[^\"]*(/tenax|\\.a|\\.so[.0-9]*)\"" needed "${text}")
  if(NOT needed)
    message(FATAL_ERROR "nothing is installed from ${build}")
  endif()
  foreach(file IN LISTS needed)
    string(REGEX REPLACE "FILES \"${build}/(.*)\"" "\\1" file "${file}")
    if(NOT built MATCHES "\n *${file}\n")
      message(FATAL_ERROR "tenax_installed does not build ${file}, which is installed")
    endif()
  endforeach()
endif()

run("${prefix}/bin/tenax" --version)

# A program's own protobuf, spdlog or JSON must not meet ours: strong symbols are tenax's alone.
find_program(nm nm)
file(GLOB libraries "${prefix}/${libdir}/libtenax*.a" "${prefix}/${libdir}/libtenax*.so")
foreach(library IN LISTS libraries)
  set(dynamic "")
  set(weak "")  # templates: of no harm in a static library, since the linker keeps one of each
  if(library MATCHES "so$")
    set(dynamic --dynamic)
    set(weak VW)
  endif()
  execute_process(COMMAND "${nm}" ${dynamic} --demangle --defined-only --extern-only "${library}"
                  OUTPUT_VARIABLE symbols ERROR_QUIET COMMAND_ERROR_IS_FATAL ANY)
  string(REGEX MATCHALL "[0-9a-f]+ [TDBRC${weak}] [^\n]*" symbols "${symbols}")
  if(NOT symbols)
    message(FATAL_ERROR "${library} has no symbols")
  endif()
  list(FILTER symbols EXCLUDE REGEX
       " [A-Z] ((non-virtual thunk to|guard variable for|(typeinfo|typeinfo name|vtable|VTT) for) )?tenax::")
  if(symbols)
    list(JOIN symbols "\n" symbols)
    message(FATAL_ERROR "${library} defines what is not tenax's:\n${symbols}")
  endif()
endforeach()

# Nothing installed may name the build or source tree.
file(GLOB_RECURSE files "${prefix}/*.cmake" "${prefix}/*.pc" "${prefix}/*.hpp")
foreach(file IN LISTS files)
  file(READ "${file}" text)
  foreach(path "${build}" "${source}")
    string(FIND "${text}" "${path}" at)
    if(NOT at EQUAL -1)
      message(FATAL_ERROR "${file} names ${path}")
    endif()
  endforeach()
endforeach()

run(${CMAKE_COMMAND} -S "${consumer}" -B "${work}/cmake" -G "${generator}"
    -D CMAKE_PREFIX_PATH=${prefix} -D CMAKE_CXX_COMPILER=${compiler}
    -D CMAKE_BUILD_TYPE=${build_type} "-DCMAKE_CXX_FLAGS=${flags} ${warning_flags}"
    -D CMAKE_NO_SYSTEM_FROM_IMPORTED=ON -D tenax_wanted=${version})
run(${CMAKE_COMMAND} --build "${work}/cmake")
foreach(program IN ITEMS consumer testing_consumer server_consumer http_action_consumer typed_consumer)
  run("${work}/cmake/${program}")
endforeach()

# The example that is a project of its own. Its orders are at an end: it closes.
run(${CMAKE_COMMAND} -S "${source}/examples/order_service" -B "${work}/order_service" -G "${generator}"
    -D CMAKE_PREFIX_PATH=${prefix} -D CMAKE_CXX_COMPILER=${compiler}
    -D CMAKE_BUILD_TYPE=${build_type} "-DCMAKE_CXX_FLAGS=${flags} ${warning_flags}"
    -D CMAKE_UNITY_BUILD=ON)
run(${CMAKE_COMMAND} --build "${work}/order_service")
execute_process(COMMAND "${work}/order_service/order_service" "${work}/shop" INPUT_FILE /dev/null
                OUTPUT_VARIABLE said TIMEOUT 60 COMMAND_ERROR_IS_FATAL ANY)
if(NOT said STREQUAL "open 1\nclosed\n")
  message(FATAL_ERROR "order_service said: ${said}")
endif()

find_program(pkg_config NAMES pkg-config pkgconf REQUIRED)
set(ENV{PKG_CONFIG_PATH} "${prefix}/${libdir}/pkgconfig")
separate_arguments(flags UNIX_COMMAND "${flags}")
function(build_by_pkg_config program package)
  execute_process(COMMAND "${pkg_config}" --cflags --libs "${package} = ${version}"
                  OUTPUT_VARIABLE found OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
  separate_arguments(found UNIX_COMMAND "${found}")
  run("${compiler}" -std=c++20 ${flags} ${warnings} "${consumer}/${program}.cpp"
      -o "${work}/${program}-by-pkg-config" ${found} "-Wl,-rpath,${prefix}/${libdir}")
  run("${work}/${program}-by-pkg-config")
endfunction()
build_by_pkg_config(main tenax)
build_by_pkg_config(testing tenax-testing)
build_by_pkg_config(server tenax-server)
build_by_pkg_config(http_action tenax-http-action)
build_by_pkg_config(typed tenax-testing)

# What warns differs between compilers.
find_program(clang clang++)
if(clang)
  run("${clang}" -std=c++20 -fsyntax-only ${warnings} "-I${prefix}/include"
      "${consumer}/main.cpp" "${consumer}/server.cpp" "${consumer}/http_action.cpp" "${consumer}/testing.cpp"
      "${consumer}/typed.cpp")
endif()

# By add_subdirectory (and FetchContent, which is the same): the targets are there, and the project's
# own tests, programs and examples are not.
# Here each file is compiled alone; as Debug, which takes the least time.
run(${CMAKE_COMMAND} -S "${consumer}" -B "${work}/subdirectory" -G "${generator}"
    -D CMAKE_CXX_COMPILER=${compiler} -D CMAKE_BUILD_TYPE=Debug -D tenax_source=${source}
    -D CMAKE_COMPILE_WARNING_AS_ERROR=ON)
execute_process(COMMAND ${CMAKE_COMMAND} --build "${work}/subdirectory" --target help
                OUTPUT_VARIABLE targets COMMAND_ERROR_IS_FATAL ANY)
if(NOT targets MATCHES "libtenax")
  message(FATAL_ERROR "no target libtenax by add_subdirectory")
endif()
foreach(target IN ITEMS unit_model tenax_bench tenax_program example_quickstart)
  if(targets MATCHES "${target}")
    message(FATAL_ERROR "add_subdirectory makes ${target}")
  endif()
endforeach()
if(DEFINED ENV{TENAX_PACKAGE_FULL})  # compiles the library once more, each file alone
  run(${CMAKE_COMMAND} --build "${work}/subdirectory")
  run("${work}/subdirectory/consumer")
endif()

# The Debian package.
set(missing "")
foreach(tool IN ITEMS dpkg-deb dpkg-shlibdeps lintian)
  find_program(found_${tool} ${tool})
  if(NOT found_${tool})
    list(APPEND missing ${tool})
  endif()
endforeach()
if(missing)
  message(STATUS "SKIPPED: the Debian package (${missing} not here: packages dpkg-dev, lintian)")
  return()
endif()
cmake_path(GET CMAKE_COMMAND PARENT_PATH bin)
run("${bin}/cpack" -G DEB --config "${build}/CPackConfig.cmake" -B "${work}/deb")
file(GLOB deb "${work}/deb/*.deb")
run(lintian --fail-on error "${deb}")
run(dpkg-deb --extract "${deb}" "${work}/deb/unpacked")
run("${work}/deb/unpacked/usr/bin/tenax" --version)
run(${CMAKE_COMMAND} -S "${consumer}" -B "${work}/deb/consumer" -G "${generator}"
    -D CMAKE_PREFIX_PATH=${work}/deb/unpacked/usr -D CMAKE_CXX_COMPILER=${compiler}
    -D CMAKE_BUILD_TYPE=${build_type} -D tenax_wanted=${version})
