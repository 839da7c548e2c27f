# cpack -G DEB: one package of the library, its headers and the program.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME tenax)
set(CPACK_PACKAGE_VENDOR "the tenax authors")
set(CPACK_PACKAGE_CONTACT "the tenax authors <tenax@users.noreply.github.com>" CACHE STRING
    "Who maintains the Debian package")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "durable workflow engine for C++")
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION
"Library, headers and the tenax program. What a submit acknowledged survives
kill -9 and power loss; actions are retried, and their history can be read.")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ
    GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
if(TENAX_IS_STATIC)  # its users link these
  set(CPACK_DEBIAN_PACKAGE_DEPENDS
      "libcaf-dev, librocksdb-dev, libspdlog-dev, libprotobuf-dev, libxxhash-dev, libssl-dev")
endif()

set(debian "${PROJECT_BINARY_DIR}/debian")
file(WRITE "${debian}/copyright"
"Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: tenax

Files: *
Copyright: 2026 the tenax authors
License: Apache-2.0
 On Debian systems the text of this licence is in
 /usr/share/common-licenses/Apache-2.0
")
file(WRITE "${debian}/changelog"
"tenax (${PROJECT_VERSION}) unstable; urgency=medium

  * See CHANGELOG.md.

 -- ${CPACK_PACKAGE_CONTACT}  Thu, 01 Jan 2026 00:00:00 +0000
")
find_program(TENAX_GZIP gzip)
mark_as_advanced(TENAX_GZIP)
if(TENAX_GZIP)
  execute_process(COMMAND "${TENAX_GZIP}" -9nkf "${debian}/changelog" COMMAND_ERROR_IS_FATAL ANY)
  install(FILES "${debian}/changelog.gz" DESTINATION "${CMAKE_INSTALL_DATADIR}/doc/tenax")
endif()
install(FILES "${debian}/copyright" DESTINATION "${CMAKE_INSTALL_DATADIR}/doc/tenax")
include(CPack)
