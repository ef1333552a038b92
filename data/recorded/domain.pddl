; A caretaker robot carries things between the rooms of a house, one thing at a time.
; Some doors are locked; the right key opens a door from either side, for good.
(define (domain caretaker)
  (:requirements :strips :typing)
  (:types room thing - object key - thing)
  (:predicates (robot-in ?r - room)
               (in ?t - thing ?r - room)
               (carrying ?t - thing)
               (hand-free)
               (open ?a ?b - room)
               (locked ?a ?b - room)
               (fits ?k - key ?a ?b - room))

  (:action walk
    :parameters (?from ?to - room)
    :precondition (and (robot-in ?from) (open ?from ?to))
    :effect (and (robot-in ?to) (not (robot-in ?from))))

  (:action take
    :parameters (?t - thing ?r - room)
    :precondition (and (robot-in ?r) (in ?t ?r) (hand-free))
    :effect (and (carrying ?t) (not (in ?t ?r)) (not (hand-free))))

  (:action put
    :parameters (?t - thing ?r - room)
    :precondition (and (robot-in ?r) (carrying ?t))
    :effect (and (in ?t ?r) (hand-free) (not (carrying ?t))))

  (:action unlock
    :parameters (?k - key ?here ?there - room)
    :precondition (and (robot-in ?here) (carrying ?k) (locked ?here ?there) (fits ?k ?here ?there))
    :effect (and (open ?here ?there) (open ?there ?here) (not (locked ?here ?there)) (not (locked ?there ?here)))))
