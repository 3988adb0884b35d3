/*
 * Load for the benchmarks, as cheap as a client can be: one thread, epoll, ready-made request frames.
 *
 *   load ping  HOST PORT --request FILE --connections N --depth N --seconds S --warmup S --pid P
 *              [--advance AT,STEP,COUNT] [--error-at AT] [--max-bytes N]
 *   load relay HOST PORT --produce FILE --fetch FILE --offset-at AT --first OFFSET --rounds N --gap-us N
 *   load idle  HOST PORT --request FILE --connections N
 *   load floor PORT FILE --reply N | --serve N
 *
 * ping   keeps N connections busy with `depth` requests each and prints what the measured window brought: requests,
 *        bytes both ways, latency percentiles, and the CPU seconds that process P used meanwhile. It says "open" and
 *        "close" where that window begins and ends.
 *        --advance adds STEP to the int64 at byte AT of each next request, starting over after COUNT requests.
 *        --error-at checks that the int16 at this byte of every answer (size included) is 0.
 * relay  produces one record while a fetch for it waits on another connection, and prints how long the record took.
 * idle   opens N connections, has one request answered on each, says so, and keeps them until its input ends.
 * floor  is the least a server can do: it reads size-prefixed frames and appends them to FILE, answering with N
 *        bytes each, or answers each frame with the next N bytes of FILE.
 *
 * A request file is a whole frame with its size prefix. Results are the last line, JSON.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define MAX_DEPTH 256
#define RECEIVE_BYTES (1 << 20)

struct file {
  unsigned char *bytes;
  size_t size;
};

struct connection {
  int fd;
  int wants_out;
  size_t sent;      /* bytes of the request being written that have left */
  int in_flight;    /* requests wholly written and not answered, plus the one being written */
  int writing;      /* a request is partly written */
  uint64_t number;  /* of the next request, for --advance */
  unsigned char head[8];
  unsigned char size_bytes[4];
  int size_have;
  int64_t frame_left;
  int64_t frame_at; /* bytes of the answer seen so far, size included */
  int error_have;
  unsigned char error[2];
  unsigned char *request;
  double started[MAX_DEPTH];
  int first, count;
};

static void die(const char *what) {
  fprintf(stderr, "load: %s: %s\n", what, errno ? strerror(errno) : "");
  exit(1);
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

static struct file read_file(const char *path) {
  struct file f = {0};
  struct stat s;
  int fd = open(path, O_RDONLY);
  if (fd < 0 || fstat(fd, &s) < 0) die(path);
  f.size = s.st_size;
  f.bytes = malloc(f.size);
  if (read(fd, f.bytes, f.size) != (ssize_t)f.size) die(path);
  close(fd);
  return f;
}

static int dial(const char *host, int port) {
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
  int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
  inet_pton(AF_INET, host, &a.sin_addr);
  if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof a) < 0) die("connect");
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  return fd;
}

/* User and system time of a process, all its threads, in seconds. */
static double cpu_seconds(int pid) {
  char path[64], line[1024], *p;
  unsigned long user = 0, sys = 0;
  if (pid <= 0) return 0;
  snprintf(path, sizeof path, "/proc/%d/stat", pid);
  FILE *f = fopen(path, "r");
  if (!f) return 0;
  if (fgets(line, sizeof line, f) && (p = strrchr(line, ')')))
    sscanf(p + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &sys);
  fclose(f);
  return (double)(user + sys) / sysconf(_SC_CLK_TCK);
}

static uint32_t get32(const unsigned char *p) {
  return (uint32_t)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3];
}

static void put64(unsigned char *p, uint64_t v) {
  for (int i = 7; i >= 0; i--, v >>= 8) p[i] = v;
}

static uint64_t get64(const unsigned char *p) { return (uint64_t)get32(p) << 32 | get32(p + 4); }

static int by_value(const void *a, const void *b) {
  float x = *(const float *)a, y = *(const float *)b;
  return x < y ? -1 : x > y;
}

static const char *option(int argc, char **argv, const char *name, const char *otherwise) {
  for (int i = 0; i + 1 < argc; i++)
    if (!strcmp(argv[i], name)) return argv[i + 1];
  return otherwise;
}

static double number(int argc, char **argv, const char *name, double otherwise) {
  const char *text = option(argc, argv, name, NULL);
  return text ? atof(text) : otherwise;
}

/* ---- ping ---- */

static struct file request;
static int epoll_fd, depth, advance_at = -1, error_at = -1;
static uint64_t advance_step, advance_count = 1, advance_base;
static uint64_t requests, bytes_in, bytes_out;
static float *samples;
static size_t sample_count, sample_room;
static int is_measuring;

static void watch(struct connection *c, int wants_out) {
  struct epoll_event e = {.events = EPOLLIN | (wants_out ? EPOLLOUT : 0), .data.ptr = c};
  if (c->wants_out == wants_out) return;
  c->wants_out = wants_out;
  epoll_ctl(epoll_fd, EPOLL_CTL_MOD, c->fd, &e);
}

/* Writes as many requests as the depth allows: whole ones in one vectored call. */
static void fill(struct connection *c) {
  while (c->writing || c->in_flight < depth) {
    struct iovec parts[64];
    int n = 0, fresh = 0, can = depth - c->in_flight;
    size_t want = 0;
    if (advance_at >= 0) can = can > 1 ? 1 : can; /* each request differs: one at a time */
    if (c->writing) {
      parts[n++] = (struct iovec){c->request + c->sent, request.size - c->sent};
      want += request.size - c->sent;
    } else if (advance_at >= 0) {
      put64(c->request + advance_at, advance_base + (c->number++ % advance_count) * advance_step);
    }
    if (!(c->writing && advance_at >= 0))
      while (fresh < can && n < 64) {
        parts[n++] = (struct iovec){c->request, request.size};
        want += request.size;
        fresh++;
      }
    double t = now();
    ssize_t wrote = writev(c->fd, parts, n);
    if (wrote < 0) {
      if (errno != EAGAIN) die("write");
      if (!c->writing && advance_at >= 0) c->number--;
      watch(c, 1);
      return;
    }
    bytes_out += wrote;
    size_t left = wrote, at = c->writing ? request.size - c->sent : 0;
    if (c->writing) {
      if (left < at) {
        c->sent += left;
        watch(c, 1);
        return;
      }
      left -= at;
      c->writing = 0;
      c->sent = 0;
    }
    while (left > 0) {
      c->started[(c->first + c->count++) % MAX_DEPTH] = t;
      c->in_flight++;
      if (left < request.size) {
        c->writing = 1;
        c->sent = left;
        break;
      }
      left -= request.size;
    }
    if ((size_t)wrote < want) {
      watch(c, 1);
      return;
    }
  }
  watch(c, 0);
}

static void answered(struct connection *c) {
  double t = now();
  if (error_at >= 0 && (c->error[0] || c->error[1])) {
    fprintf(stderr, "load: an answer carries error %d\n", (int16_t)(c->error[0] << 8 | c->error[1]));
    exit(2);
  }
  float took = (t - c->started[c->first]) * 1e6;
  c->first = (c->first + 1) % MAX_DEPTH;
  c->count--;
  c->in_flight--;
  requests++;
  if (is_measuring && sample_count < sample_room) samples[sample_count++] = took;
}

static void take(struct connection *c, const unsigned char *p, size_t n) {
  while (n > 0) {
    if (c->frame_left == 0) {
      size_t k = 4 - c->size_have;
      if (k > n) k = n;
      memcpy(c->size_bytes + c->size_have, p, k);
      c->size_have += k;
      p += k;
      n -= k;
      if (c->size_have < 4) return;
      c->size_have = 0;
      c->frame_left = get32(c->size_bytes);
      c->frame_at = 4;
      continue;
    }
    size_t k = c->frame_left < (int64_t)n ? (size_t)c->frame_left : n;
    for (int i = 0; i < 2 && error_at >= 0; i++) {
      int64_t at = error_at + i - c->frame_at;
      if (at >= 0 && at < (int64_t)k) c->error[i] = p[at];
    }
    p += k;
    n -= k;
    c->frame_at += k;
    c->frame_left -= k;
    if (c->frame_left == 0) answered(c);
  }
}

/* For whoever watches the server by other means. */
static void tell(const char *what) {
  puts(what);
  fflush(stdout);
}

static int ping(int argc, char **argv) {
  const char *host = argv[2];
  int port = atoi(argv[3]), connections = number(argc, argv, "--connections", 1);
  int pid = number(argc, argv, "--pid", 0);
  double seconds = number(argc, argv, "--seconds", 2), warmup = number(argc, argv, "--warmup", 0.5);
  double max_bytes = number(argc, argv, "--max-bytes", 1e18);
  const char *advance = option(argc, argv, "--advance", NULL);
  unsigned char *buffer = malloc(RECEIVE_BYTES);
  depth = number(argc, argv, "--depth", 1);
  if (depth > MAX_DEPTH) depth = MAX_DEPTH;
  error_at = number(argc, argv, "--error-at", -1);
  request = read_file(option(argc, argv, "--request", ""));
  if (advance) {
    sscanf(advance, "%d,%lu,%lu", &advance_at, &advance_step, &advance_count);
    advance_base = get64(request.bytes + advance_at);
  }
  sample_room = 20 * 1000 * 1000;
  samples = malloc(sample_room * sizeof *samples);
  epoll_fd = epoll_create1(0);
  for (int i = 0; i < connections; i++) {
    struct connection *c = calloc(1, sizeof *c);
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
    c->fd = dial(host, port);
    fcntl(c->fd, F_SETFL, O_NONBLOCK);
    c->request = malloc(request.size);
    c->number = (uint64_t)i * 7919;
    memcpy(c->request, request.bytes, request.size);
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, c->fd, &e);
    fill(c);
  }
  double start = now(), from = 0, cpu = 0;
  uint64_t requests0 = 0, in0 = 0, out0 = 0;
  for (;;) {
    struct epoll_event events[256];
    int n = epoll_wait(epoll_fd, events, 256, 100);
    double t = now();
    if (!is_measuring && t - start >= warmup) {
      is_measuring = 1;
      from = t;
      cpu = cpu_seconds(pid);
      requests0 = requests, in0 = bytes_in, out0 = bytes_out;
      tell("open");
    }
    if (is_measuring && (t - from >= seconds || (double)(bytes_in - in0 + bytes_out - out0) >= max_bytes)) break;
    for (int i = 0; i < n; i++) {
      struct connection *c = events[i].data.ptr;
      if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
        ssize_t got = read(c->fd, buffer, RECEIVE_BYTES);
        if (got == 0 || (got < 0 && errno != EAGAIN)) die("the server closed a connection");
        if (got > 0) {
          bytes_in += got;
          take(c, buffer, got);
        }
      }
      fill(c);
    }
  }
  double took = now() - from;
  cpu = cpu_seconds(pid) - cpu;
  tell("close");
  qsort(samples, sample_count, sizeof *samples, by_value);
  float p50 = sample_count ? samples[sample_count / 2] : 0, p99 = sample_count ? samples[sample_count * 99 / 100] : 0;
  printf("{\"requests\":%lu,\"bytesIn\":%lu,\"bytesOut\":%lu,\"seconds\":%.4f,\"cpuSeconds\":%.3f,"
         "\"p50Us\":%.1f,\"p99Us\":%.1f}\n",
         requests - requests0, bytes_in - in0, bytes_out - out0, took, cpu, p50, p99);
  return 0;
}

/* ---- relay ---- */

static void write_all(int fd, const unsigned char *p, size_t n) {
  while (n > 0) {
    ssize_t k = write(fd, p, n);
    if (k < 0) die("write");
    p += k;
    n -= k;
  }
}

/* Reads one answer, and gives its size. */
static uint32_t read_answer(int fd, unsigned char *buffer, size_t room) {
  size_t have = 0;
  while (have < 4 || have < 4 + (size_t)get32(buffer)) {
    ssize_t k = read(fd, buffer + have, room - have);
    if (k <= 0) die("read");
    have += k;
  }
  return get32(buffer);
}

static int relay(int argc, char **argv) {
  struct file produce = read_file(option(argc, argv, "--produce", ""));
  struct file fetch = read_file(option(argc, argv, "--fetch", ""));
  int rounds = number(argc, argv, "--rounds", 1000), at = number(argc, argv, "--offset-at", 0);
  int skipped = rounds / 5;
  uint64_t offset = number(argc, argv, "--first", 0);
  useconds_t gap = number(argc, argv, "--gap-us", 1000);
  unsigned char *buffer = malloc(RECEIVE_BYTES);
  int producer = dial(argv[2], atoi(argv[3])), consumer = dial(argv[2], atoi(argv[3]));
  float *took = malloc(rounds * sizeof *took);
  int n = 0;
  for (int i = 0; i < rounds; i++) {
    put64(fetch.bytes + at, offset++);
    write_all(consumer, fetch.bytes, fetch.size);
    usleep(gap);
    double t = now();
    write_all(producer, produce.bytes, produce.size);
    uint32_t size = read_answer(consumer, buffer, RECEIVE_BYTES);
    if (i >= skipped) took[n++] = (now() - t) * 1e6;
    if (size < 100) die("a fetch came back empty");
    read_answer(producer, buffer, RECEIVE_BYTES);
  }
  qsort(took, n, sizeof *took, by_value);
  printf("{\"rounds\":%d,\"p50Us\":%.1f,\"p99Us\":%.1f,\"p999Us\":%.1f}\n", n, took[n / 2], took[n * 99 / 100],
         took[(int)(n * 0.999)]);
  return 0;
}

/* ---- idle ---- */

static int idle(int argc, char **argv) {
  struct file asked = read_file(option(argc, argv, "--request", ""));
  int connections = number(argc, argv, "--connections", 1);
  unsigned char *buffer = malloc(RECEIVE_BYTES);
  for (int i = 0; i < connections; i++) {
    int fd = dial(argv[2], atoi(argv[3]));
    write_all(fd, asked.bytes, asked.size);
    read_answer(fd, buffer, RECEIVE_BYTES);
  }
  printf("{\"connections\":%d}\n", connections);
  fflush(stdout);
  while (read(0, buffer, RECEIVE_BYTES) > 0) continue;
  return 0;
}

/* ---- floor ---- */

struct client {
  int fd;
  int size_have;
  unsigned char size_bytes[4];
  int64_t left;
};

_Noreturn static void floor_server(int argc, char **argv) {
  int reply = number(argc, argv, "--reply", 0), serve = number(argc, argv, "--serve", 0);
  int file = open(argv[3], serve ? O_RDONLY : O_WRONLY | O_CREAT | O_TRUNC, 0600);
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[2]))};
  int one = 1, listener = socket(AF_INET, SOCK_STREAM, 0), answer = serve ? serve : reply;
  unsigned char *buffer = malloc(RECEIVE_BYTES), *out = calloc(1, answer + 4);
  off_t position = 0, file_size;
  if (file < 0) die(argv[3]);
  file_size = lseek(file, 0, SEEK_END);
  inet_pton(AF_INET, "127.0.0.1", &a.sin_addr);
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(listener, (struct sockaddr *)&a, sizeof a) < 0 || listen(listener, 128) < 0) die("listen");
  out[0] = answer >> 24, out[1] = answer >> 16, out[2] = answer >> 8, out[3] = answer;
  epoll_fd = epoll_create1(0);
  struct epoll_event e = {.events = EPOLLIN, .data.ptr = NULL};
  epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &e);
  printf("listening\n");
  fflush(stdout);
  for (;;) {
    struct epoll_event events[64];
    int n = epoll_wait(epoll_fd, events, 64, -1);
    for (int i = 0; i < n; i++) {
      struct client *c = events[i].data.ptr;
      if (!c) {
        c = calloc(1, sizeof *c);
        c->fd = accept(listener, NULL, NULL);
        setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        e.data.ptr = c;
        epoll_ctl(epoll_fd, EPOLL_CTL_ADD, c->fd, &e);
        continue;
      }
      ssize_t got = read(c->fd, buffer, RECEIVE_BYTES);
      if (got <= 0) {
        close(c->fd);
        free(c);
        continue;
      }
      int answers = 0;
      for (ssize_t at = 0; at < got;) {
        if (c->left == 0) {
          c->size_bytes[c->size_have++] = buffer[at++];
          if (c->size_have < 4) continue;
          c->size_have = 0;
          c->left = get32(c->size_bytes);
          continue;
        }
        ssize_t k = c->left < got - at ? c->left : got - at;
        at += k;
        c->left -= k;
        if (c->left == 0) answers++;
      }
      if (!serve && write(file, buffer, got) != got) die("append");
      while (answers-- > 0) {
        if (serve) {
          if (position + serve > file_size) position = 0;
          if (pread(file, out + 4, serve, position) != serve) die("read");
          position += serve;
        }
        write_all(c->fd, out, answer + 4);
      }
    }
  }
}

int main(int argc, char **argv) {
  if (argc > 3 && !strcmp(argv[1], "ping")) return ping(argc, argv);
  if (argc > 3 && !strcmp(argv[1], "relay")) return relay(argc, argv);
  if (argc > 3 && !strcmp(argv[1], "idle")) return idle(argc, argv);
  if (argc > 3 && !strcmp(argv[1], "floor")) floor_server(argc, argv);
  fprintf(stderr, "usage: load ping|relay|idle|floor …\n");
  return 64;
}
