# cmake -D IN=file -D OUT=file.c -D HEADER=header.h -D NAME=name -P embed.cmake
# Writes C that defines name[] and name_bytes: the bytes of the file.
file(READ "${IN}" hex HEX)
string(REGEX REPLACE "(................................)" "\\1\n" hex "${hex}")
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
file(WRITE "${OUT}" "#include \"${HEADER}\"\n\n"
    "const unsigned char ${NAME}[] = {\n${bytes}\n};\n"
    "const size_t ${NAME}_bytes = sizeof ${NAME};\n")
