;; The steps of folding a long message for its CRC-32C in WebAssembly, on memory that its caller lays out; see fold.ts.
;;
;; Always true: both go by whole steps, and touch what the last step reaches, up to 63 bytes (fold) or 15 (pour) behind
;; their range; nothing beyond.

(module
  (memory (export "memory") 1)

  ;; Each byte of [p, end) takes up those 767, 2524 and 5275 bytes before it, which have taken up theirs. A step is 64
  ;; bytes, far less than the nearest of the three, so that no step reads what it or the one before wrote.
  (func (export "fold") (param $p i32) (param $end i32)
    ;; Addresses begin with the earliest byte that is read: offsets are not negative.
    (local.set $p (i32.sub (local.get $p) (i32.const 5275)))
    (local.set $end (i32.sub (local.get $end) (i32.const 5275)))
    (loop $step
      (v128.store offset=5275 align=1 (local.get $p)
        (v128.xor
          (v128.xor
            (v128.load offset=5275 align=1 (local.get $p))
            (v128.load offset=4508 align=1 (local.get $p)))
          (v128.xor
            (v128.load offset=2751 align=1 (local.get $p))
            (v128.load offset=0 align=1 (local.get $p)))))
      (v128.store offset=5291 align=1 (local.get $p)
        (v128.xor
          (v128.xor
            (v128.load offset=5291 align=1 (local.get $p))
            (v128.load offset=4524 align=1 (local.get $p)))
          (v128.xor
            (v128.load offset=2767 align=1 (local.get $p))
            (v128.load offset=16 align=1 (local.get $p)))))
      (v128.store offset=5307 align=1 (local.get $p)
        (v128.xor
          (v128.xor
            (v128.load offset=5307 align=1 (local.get $p))
            (v128.load offset=4540 align=1 (local.get $p)))
          (v128.xor
            (v128.load offset=2783 align=1 (local.get $p))
            (v128.load offset=32 align=1 (local.get $p)))))
      (v128.store offset=5323 align=1 (local.get $p)
        (v128.xor
          (v128.xor
            (v128.load offset=5323 align=1 (local.get $p))
            (v128.load offset=4556 align=1 (local.get $p)))
          (v128.xor
            (v128.load offset=2799 align=1 (local.get $p))
            (v128.load offset=48 align=1 (local.get $p)))))
      (br_if $step
        (i32.lt_u (local.tee $p (i32.add (local.get $p) (i32.const 64))) (local.get $end)))))

  ;; [to, to + n) takes up [from, from + n).
  (func (export "pour") (param $to i32) (param $from i32) (param $n i32)
    (local $stop i32)
    (local.set $stop (i32.add (local.get $to) (local.get $n)))
    (loop $step
      (v128.store align=1 (local.get $to)
        (v128.xor (v128.load align=1 (local.get $to)) (v128.load align=1 (local.get $from))))
      (local.set $from (i32.add (local.get $from) (i32.const 16)))
      (br_if $step
        (i32.lt_u (local.tee $to (i32.add (local.get $to) (i32.const 16))) (local.get $stop))))))
