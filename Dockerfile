# docker build -t cairn . && docker run -p 7801:7801 -v cairn:/var/lib/cairn cairn
FROM debian:bookworm-slim AS build
WORKDIR /src
COPY dev .
RUN ./dev install build
COPY . .
RUN cmake --preset release && cmake --build --preset release \
    && mkdir /out && cp build/release/bin/cairn* /out/

FROM debian:bookworm-slim
# The suite that ./dev derived for libraft from the image's own package source.
COPY --from=build /etc/apt/sources.list.d/cairn-backports.sources /etc/apt/sources.list.d/
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
        libraft0/bookworm-backports librocksdb7.8 libnng1 libevent-2.1-7 libevent-pthreads-2.1-7 \
        libhttp-parser2.9 libjansson4 libcyaml1 libyaml-0-2 liblz4-1 libprotobuf-c1 libsodium23 zlib1g \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --home-dir /var/lib/cairn --create-home --shell /usr/sbin/nologin cairn
COPY --from=build /out/ /usr/local/bin/
COPY configs/ /etc/cairn/
RUN for program in /usr/local/bin/cairn*; do "$program" --version || exit 1; done
USER cairn
WORKDIR /var/lib/cairn
VOLUME /var/lib/cairn
EXPOSE 7801
ENTRYPOINT ["cairnd"]
# A single node: HTTP for everybody who reaches the container, peers on its loopback only.
CMD ["--config", "/etc/cairn/local/n1.yaml", "--set", "node.data=/var/lib/cairn/n1", "--set", "http.listen=0.0.0.0:7801"]
