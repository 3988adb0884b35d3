;; Decoders of LZ4 and snappy blocks in WebAssembly, on memory that its caller lays out; see block-decoder.ts.
;;
;; Always true: each copies 16 bytes at a time where that is faster, and so reads up to 16 bytes behind the input and
;; writes up to 16 behind the output: the caller leaves as many free behind both. What is read there is written only
;; behind the content, never into it. Apart from that, whatever the bytes say, nothing is read outside [s, end) and
;; [start, d), and nothing written outside [d, limit), of snappy [d, limit + 64).

(module
  (memory (export "memory") 1)

  ;; snappy: where reading stopped, and how many bytes of the literal there are still to come.
  (global $position (export "position") (mut i32) (i32.const 0))
  (global $literal (export "literal") (mut i32) (i32.const 0))

  ;; Copies n bytes, at least one step of 16, from memory that the copy does not reach.
  (func $copy (param $d i32) (param $s i32) (param $n i32)
    (local $stop i32)
    (local.set $stop (i32.add (local.get $d) (local.get $n)))
    (loop $step
      (v128.store align=1 (local.get $d) (v128.load align=1 (local.get $s)))
      (local.set $s (i32.add (local.get $s) (i32.const 16)))
      (br_if $step
        (i32.lt_u (local.tee $d (i32.add (local.get $d) (i32.const 16))) (local.get $stop)))))

  ;; Repeats n bytes, at least one, from `offset` bytes back; the ranges may overlap.
  (func $repeat (param $d i32) (param $offset i32) (param $n i32)
    (local $from i32)
    (local $stop i32)
    (local.set $from (i32.sub (local.get $d) (local.get $offset)))
    (if (i32.ge_u (local.get $offset) (i32.const 16))
      (then
        (call $copy (local.get $d) (local.get $from) (local.get $n))
        (return)))
    (local.set $stop (i32.add (local.get $d) (local.get $n)))
    (if (i32.lt_u (local.get $offset) (i32.const 8))
      (then
        ;; A long run of one byte is worth the call.
        (if (i32.and (i32.eq (local.get $offset) (i32.const 1)) (i32.ge_u (local.get $n) (i32.const 128)))
          (then
            (memory.fill (local.get $d) (i32.load8_u (local.get $from)) (local.get $n))
            (return)))
        ;; Eight bytes singly; from then on whole periods back there are eight bytes to take.
        (local.set $offset
          (i32.mul (local.get $offset)
            (i32.div_u (i32.add (local.get $offset) (i32.const 7)) (local.get $offset))))
        (i32.store8 (local.get $d) (i32.load8_u (local.get $from)))
        (i32.store8 offset=1 (local.get $d) (i32.load8_u offset=1 (local.get $from)))
        (i32.store8 offset=2 (local.get $d) (i32.load8_u offset=2 (local.get $from)))
        (i32.store8 offset=3 (local.get $d) (i32.load8_u offset=3 (local.get $from)))
        (i32.store8 offset=4 (local.get $d) (i32.load8_u offset=4 (local.get $from)))
        (i32.store8 offset=5 (local.get $d) (i32.load8_u offset=5 (local.get $from)))
        (i32.store8 offset=6 (local.get $d) (i32.load8_u offset=6 (local.get $from)))
        (i32.store8 offset=7 (local.get $d) (i32.load8_u offset=7 (local.get $from)))
        (local.set $d (i32.add (local.get $d) (i32.const 8)))
        (local.set $from (i32.sub (local.get $d) (local.get $offset)))
        (if (i32.ge_u (local.get $d) (local.get $stop)) (then (return)))))
    (loop $step
      (i64.store align=1 (local.get $d) (i64.load align=1 (local.get $from)))
      (local.set $from (i32.add (local.get $from) (i32.const 8)))
      (br_if $step
        (i32.lt_u (local.tee $d (i32.add (local.get $d) (i32.const 8))) (local.get $stop)))))

  ;; The block [s, end) unfolded from d on, below limit. Where its content ends, or -1: damaged, or too large.
  (func (export "lz4") (param $s i32) (param $end i32) (param $d i32) (param $limit i32) (result i32)
    (local $start i32)
    (local $token i32)
    (local $n i32)
    (local $byte i32)
    (local $offset i32)
    (local $from i32)
    (local.set $start (local.get $d))
    (loop $sequence
      ;; A block ends behind literals: one that ends elsewhere, or is empty, is damaged.
      (if (i32.ge_u (local.get $s) (local.get $end)) (then (return (i32.const -1))))
      (local.set $token (i32.load8_u (local.get $s)))
      (local.set $s (i32.add (local.get $s) (i32.const 1)))
      (local.set $n (i32.shr_u (local.get $token) (i32.const 4)))
      (block $match
        ;; Most sequences: few literals and a short match from not too near, far from the ends of both.
        (block $general
          (br_if $general (i32.eq (local.get $n) (i32.const 15)))
          (br_if $general (i32.ge_u (i32.add (local.get $s) (i32.const 16)) (local.get $end)))
          (br_if $general (i32.ge_u (i32.add (local.get $d) (i32.const 32)) (local.get $limit)))
          (v128.store align=1 (local.get $d) (v128.load align=1 (local.get $s)))
          (local.set $s (i32.add (local.get $s) (local.get $n)))
          (local.set $d (i32.add (local.get $d) (local.get $n)))
          (local.set $offset (i32.load16_u align=1 (local.get $s)))
          (local.set $s (i32.add (local.get $s) (i32.const 2)))
          (local.set $n (i32.add (i32.and (local.get $token) (i32.const 15)) (i32.const 4)))
          (br_if $match (i32.eq (local.get $n) (i32.const 19)))
          (br_if $match (i32.lt_u (local.get $offset) (i32.const 16)))
          (br_if $match (i32.gt_u (local.get $offset) (i32.sub (local.get $d) (local.get $start))))
          (local.set $from (i32.sub (local.get $d) (local.get $offset)))
          (v128.store align=1 (local.get $d) (v128.load align=1 (local.get $from)))
          (i32.store16 offset=16 align=1 (local.get $d) (i32.load16_u offset=16 align=1 (local.get $from)))
          (local.set $d (i32.add (local.get $d) (local.get $n)))
          (br $sequence))
        (if (i32.eq (local.get $n) (i32.const 15))
          (then
            (loop $more
              (if (i32.ge_u (local.get $s) (local.get $end)) (then (return (i32.const -1))))
              (local.set $byte (i32.load8_u (local.get $s)))
              (local.set $s (i32.add (local.get $s) (i32.const 1)))
              (local.set $n (i32.add (local.get $n) (local.get $byte)))
              (br_if $more (i32.eq (local.get $byte) (i32.const 255))))))
        (if
          (i32.or
            (i32.gt_u (local.get $n) (i32.sub (local.get $end) (local.get $s)))
            (i32.gt_u (local.get $n) (i32.sub (local.get $limit) (local.get $d))))
          (then (return (i32.const -1))))
        (v128.store align=1 (local.get $d) (v128.load align=1 (local.get $s)))
        (if (i32.gt_u (local.get $n) (i32.const 16)) (then (call $copy (local.get $d) (local.get $s) (local.get $n))))
        (local.set $s (i32.add (local.get $s) (local.get $n)))
        (local.set $d (i32.add (local.get $d) (local.get $n)))
        (if (i32.eq (local.get $s) (local.get $end)) (then (return (local.get $d))))
        (if (i32.lt_u (i32.sub (local.get $end) (local.get $s)) (i32.const 2)) (then (return (i32.const -1))))
        (local.set $offset (i32.load16_u align=1 (local.get $s)))
        (local.set $s (i32.add (local.get $s) (i32.const 2)))
        (local.set $n (i32.add (i32.and (local.get $token) (i32.const 15)) (i32.const 4))))
      ;; The match, whose offset is read, and whose length may go on.
      (if (i32.eq (local.get $n) (i32.const 19))
        (then
          (loop $more
            (if (i32.ge_u (local.get $s) (local.get $end)) (then (return (i32.const -1))))
            (local.set $byte (i32.load8_u (local.get $s)))
            (local.set $s (i32.add (local.get $s) (i32.const 1)))
            (local.set $n (i32.add (local.get $n) (local.get $byte)))
            (br_if $more (i32.eq (local.get $byte) (i32.const 255))))))
      (if
        (i32.or
          (i32.or
            (i32.eqz (local.get $offset))
            (i32.gt_u (local.get $offset) (i32.sub (local.get $d) (local.get $start))))
          (i32.gt_u (local.get $n) (i32.sub (local.get $limit) (local.get $d))))
        (then (return (i32.const -1))))
      (call $repeat (local.get $d) (local.get $offset) (local.get $n))
      (local.set $d (i32.add (local.get $d) (local.get $n)))
      (br $sequence))
    (unreachable))

  ;; Elements of raw snappy from s on, unfolded from d on, until d has reached limit or what lies in [s, end) is used up;
  ;; fewer than five bytes may be left unless `last` says that the input ends there. Copies reach back to `start`, and no
  ;; element may go beyond `bound`. Where the content ends so far; -1: damaged; -2: a copy reaches further back.
  (func (export "snappy")
    (param $s i32) (param $end i32) (param $last i32)
    (param $start i32) (param $d i32) (param $limit i32) (param $bound i32) (result i32)
    (local $tag i32)
    (local $kind i32)
    (local $n i32)
    (local $offset i32)
    (local $from i32)
    (local $literal i32)
    (local.set $literal (global.get $literal))
    (block $full
      (loop $element
        ;; Most elements: literals of at most 60 bytes and copies from near, far from the ends of both.
        (block $general
          (br_if $general (local.get $literal))
          (br_if $general (i32.lt_u (i32.sub (local.get $end) (local.get $s)) (i32.const 80)))
          (br_if $general (i32.ge_u (i32.add (local.get $d) (i32.const 64)) (local.get $limit)))
          (local.set $tag (i32.load8_u (local.get $s)))
          (local.set $n (i32.add (i32.shr_u (local.get $tag) (i32.const 2)) (i32.const 1)))
          (if (i32.eqz (local.tee $kind (i32.and (local.get $tag) (i32.const 3))))
            (then
              (br_if $general (i32.gt_u (local.get $n) (i32.const 60)))
              (v128.store align=1 (local.get $d) (v128.load offset=1 align=1 (local.get $s)))
              (if (i32.gt_u (local.get $n) (i32.const 16))
                (then
                  (v128.store offset=16 align=1 (local.get $d) (v128.load offset=17 align=1 (local.get $s)))
                  (if (i32.gt_u (local.get $n) (i32.const 32))
                    (then
                      (v128.store offset=32 align=1 (local.get $d) (v128.load offset=33 align=1 (local.get $s)))
                      (v128.store offset=48 align=1 (local.get $d) (v128.load offset=49 align=1 (local.get $s)))))))
              (local.set $s (i32.add (i32.add (local.get $s) (local.get $n)) (i32.const 1)))
              (local.set $d (i32.add (local.get $d) (local.get $n)))
              (br $element)))
          (if (i32.eq (local.get $kind) (i32.const 2))
            (then
              (local.set $offset (i32.load16_u offset=1 align=1 (local.get $s))))
            (else
              (br_if $general (i32.eq (local.get $kind) (i32.const 3)))
              (local.set $n
                (i32.add (i32.and (i32.shr_u (local.get $tag) (i32.const 2)) (i32.const 7)) (i32.const 4)))
              (local.set $offset
                (i32.or
                  (i32.load8_u offset=1 (local.get $s))
                  (i32.shl (i32.shr_u (local.get $tag) (i32.const 5)) (i32.const 8))))))
          (br_if $general (i32.lt_u (local.get $offset) (i32.const 16)))
          (br_if $general (i32.gt_u (local.get $offset) (i32.sub (local.get $d) (local.get $start))))
          (local.set $s (i32.add (i32.add (local.get $s) (local.get $kind)) (i32.const 1)))
          (local.set $from (i32.sub (local.get $d) (local.get $offset)))
          (v128.store align=1 (local.get $d) (v128.load align=1 (local.get $from)))
          (if (i32.gt_u (local.get $n) (i32.const 16))
            (then
              (v128.store offset=16 align=1 (local.get $d) (v128.load offset=16 align=1 (local.get $from)))
              (if (i32.gt_u (local.get $n) (i32.const 32))
                (then
                  (v128.store offset=32 align=1 (local.get $d) (v128.load offset=32 align=1 (local.get $from)))
                  (v128.store offset=48 align=1 (local.get $d) (v128.load offset=48 align=1 (local.get $from)))))))
          (local.set $d (i32.add (local.get $d) (local.get $n)))
          (br $element))
        (if (local.get $literal)
          (then
            (local.set $n (local.get $literal))
            (if (i32.gt_u (local.get $n) (i32.sub (local.get $end) (local.get $s)))
              (then (local.set $n (i32.sub (local.get $end) (local.get $s)))))
            (if (i32.gt_u (local.get $n) (i32.sub (local.get $limit) (local.get $d)))
              (then (local.set $n (i32.sub (local.get $limit) (local.get $d)))))
            (v128.store align=1 (local.get $d) (v128.load align=1 (local.get $s)))
            (if (i32.gt_u (local.get $n) (i32.const 16))
              (then (call $copy (local.get $d) (local.get $s) (local.get $n))))
            (local.set $s (i32.add (local.get $s) (local.get $n)))
            (local.set $d (i32.add (local.get $d) (local.get $n)))
            (local.set $literal (i32.sub (local.get $literal) (local.get $n)))
            (br_if $full (local.get $literal))))
        (br_if $full (i32.ge_u (local.get $d) (local.get $limit)))
        (br_if $full (i32.ge_u (local.get $s) (local.get $end)))
        (if (i32.lt_u (i32.sub (local.get $end) (local.get $s)) (i32.const 5))
          (then (br_if $full (i32.eqz (local.get $last)))))
        (local.set $tag (i32.load8_u (local.get $s)))
        (local.set $s (i32.add (local.get $s) (i32.const 1)))
        (local.set $kind (i32.and (local.get $tag) (i32.const 3)))
        (if (i32.eqz (local.get $kind))
          (then
            (local.set $n (i32.shr_u (local.get $tag) (i32.const 2)))
            (if (i32.ge_u (local.get $n) (i32.const 60))
              (then
                (local.set $kind (i32.sub (local.get $n) (i32.const 59)))
                (if (i32.gt_u (local.get $kind) (i32.sub (local.get $end) (local.get $s)))
                  (then (return (i32.const -1))))
                (local.set $n
                  (i32.and
                    (i32.load align=1 (local.get $s))
                    (i32.shr_u (i32.const -1)
                      (i32.sub (i32.const 32) (i32.shl (local.get $kind) (i32.const 3))))))
                (local.set $s (i32.add (local.get $s) (local.get $kind)))))
            ;; One less than the length, which so fits where the length itself would not.
            (if (i32.ge_u (local.get $n) (i32.sub (local.get $bound) (local.get $d)))
              (then (return (i32.const -1))))
            (local.set $literal (i32.add (local.get $n) (i32.const 1)))
            (br $element)))
        (if (i32.eq (local.get $kind) (i32.const 1))
          (then
            (if (i32.lt_u (i32.sub (local.get $end) (local.get $s)) (i32.const 1))
              (then (return (i32.const -1))))
            (local.set $n
              (i32.add (i32.and (i32.shr_u (local.get $tag) (i32.const 2)) (i32.const 7)) (i32.const 4)))
            (local.set $offset
              (i32.or
                (i32.load8_u (local.get $s))
                (i32.shl (i32.shr_u (local.get $tag) (i32.const 5)) (i32.const 8))))
            (local.set $s (i32.add (local.get $s) (i32.const 1))))
          (else
            (local.set $n (i32.add (i32.shr_u (local.get $tag) (i32.const 2)) (i32.const 1)))
            (if (i32.eq (local.get $kind) (i32.const 2))
              (then
                (if (i32.lt_u (i32.sub (local.get $end) (local.get $s)) (i32.const 2))
                  (then (return (i32.const -1))))
                (local.set $offset (i32.load16_u align=1 (local.get $s)))
                (local.set $s (i32.add (local.get $s) (i32.const 2))))
              (else
                (if (i32.lt_u (i32.sub (local.get $end) (local.get $s)) (i32.const 4))
                  (then (return (i32.const -1))))
                (local.set $offset (i32.load align=1 (local.get $s)))
                (local.set $s (i32.add (local.get $s) (i32.const 4)))))))
        (if
          (i32.or
            (i32.eqz (local.get $offset))
            (i32.gt_u (local.get $n) (i32.sub (local.get $bound) (local.get $d))))
          (then (return (i32.const -1))))
        (if (i32.gt_u (local.get $offset) (i32.sub (local.get $d) (local.get $start)))
          (then (return (i32.const -2))))
        (call $repeat (local.get $d) (local.get $offset) (local.get $n))
        (local.set $d (i32.add (local.get $d) (local.get $n)))
        (br $element)))
    (global.set $position (local.get $s))
    (global.set $literal (local.get $literal))
    (local.get $d)))
