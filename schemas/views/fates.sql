-- One row a prompt, rollout and plan: what became of it.
--
-- fate     exported (an example shows it), excluded, or pending (a stage has yet to decide).
-- stage    the first table that excluded it, or that a pending one waits for; null where exported. The order is
--          screened, bands, rollouts, verdicts, plans, choices, plan_scores, adjudicated, examples: a rollout of a
--          prompt that `bands` does not keep is excluded there, whatever its own verdict.
-- reason   the code that the table gives; `outcome:reason` for verdicts; null where exported or pending.
--
-- A run whose plans are tried (it has rollouts of the phase search) takes its traces from execute rollouts of the plan
-- that helps its prompt most. All that only measures is `evidence_only`: other arms, solving beside the trials, lists
-- of strategies, and then the correct solve rollouts of the screen too.
--
-- A plan that people decide to `discard` or to `fix` is excluded by `adjudicated`, with the rollouts that carry it out,
-- and the one that helps next to it takes its place; until they decided, it goes on as others do. With
-- `assemble.annotated_only` a plan that people have neither kept nor edited is pending. An edit that was taken back is
-- excluded by `plans` as `missing`.
--
-- Reasons of this view alone, in no table:
--
-- same_plan         a rollout wrote a plan that another rollout of its prompt wrote
-- not_best          a plan helps, but another of its prompt, that people do not rule out, helps more; so its rollouts
-- no_parsed_plan    no plan of the prompt could be read
-- no_plan_helps     no plan of the prompt helps
-- no_plan_stands    people rule out each plan of the prompt that helps
-- no_correct_trace  no rollout of the prompt that an example could show is correct
-- no_kept_trace     `choices` kept none of the correct rollouts that an example could show
-- not_shown         a plan whose prompt has examples, but none that shows it; an edit where plans are not tried
WITH runs AS (
    SELECT EXISTS (FROM rollouts WHERE phase = 'search') AS tries_plans
),

prompt_gates AS (
    SELECT prompt_id, 'screened' AS stage, reason FROM screened WHERE decision = 'dropped'
    UNION ALL
    SELECT prompt_id, 'bands', reason
    FROM bands
    WHERE decision <> 'kept' AND prompt_id NOT IN (SELECT prompt_id FROM screened WHERE decision = 'dropped')
),

ruled_out AS (
    SELECT plan_id, verdict FROM adjudicated WHERE verdict IN ('discard', 'fix')
),

tried AS (
    SELECT plan_id, decision = 'helps' AND verdict IS NULL AND place = 1 AS is_best,
        decision = 'helps' AND verdict IS NOT NULL AS is_ruled_out,
        CASE
            WHEN decision <> 'helps' THEN {'stage': 'plan_scores', 'reason': decision::VARCHAR, 'fate': 'excluded'}
            WHEN verdict IS NOT NULL THEN {'stage': 'adjudicated', 'reason': verdict::VARCHAR, 'fate': 'excluded'}
            WHEN place > 1 THEN {'stage': 'plan_scores', 'reason': 'not_best', 'fate': 'excluded'}
        END AS became
    FROM (
        SELECT plan_scores.plan_id, plan_scores.decision, ruled_out.verdict, row_number() OVER (
            PARTITION BY plans.prompt_id, plan_scores.decision, ruled_out.verdict IS NULL
            ORDER BY plan_scores.uplift DESC, plan_scores.plan_id
        ) AS place
        FROM plan_scores
        JOIN plans USING (plan_id)
        LEFT JOIN ruled_out USING (plan_id)
        WHERE plan_scores.phase = 'search'
    )
),

samples AS (
    SELECT rollouts.rollout_id, rollouts.prompt_id, rollouts.parent_id, rollouts.arm, rollouts.step_id,
        rollouts.phase, rollouts.finish_reason, rollouts.error_kind, verdict.outcome, verdict.reason, choice.decision,
        choice.reason AS choice_reason, gate.stage AS gate_stage, gate.reason AS gate_reason, tried.is_best,
        tried.became AS plan_became, given.status AS plan_status, runs.tries_plans,
        rollouts.rollout_id IN (SELECT rollout_id FROM examples) AS is_exported
    FROM rollouts
    CROSS JOIN runs
    LEFT JOIN prompts USING (prompt_id)
    LEFT JOIN verdicts_latest AS verdict
        ON verdict.rollout_id = rollouts.rollout_id AND verdict.verifier = prompts.verifier
    LEFT JOIN choices AS choice ON choice.kind = 'trace' AND choice.id = rollouts.rollout_id
    LEFT JOIN prompt_gates AS gate ON gate.prompt_id = rollouts.prompt_id
    LEFT JOIN plans AS given ON rollouts.arm = 'execute' AND given.plan_id = rollouts.plan_id
    LEFT JOIN tried ON tried.plan_id = given.plan_id
),

sample_fates AS (
    SELECT rollout_id, prompt_id, parent_id, arm, CASE
        WHEN is_exported THEN {'stage': NULL, 'reason': NULL, 'fate': 'exported'}
        WHEN gate_stage IS NOT NULL THEN {'stage': gate_stage, 'reason': gate_reason, 'fate': 'excluded'}
        WHEN finish_reason = 'error' THEN {'stage': 'rollouts', 'reason': error_kind, 'fate': 'excluded'}
        WHEN arm = 'write_plan' AND step_id = 'strategies'
            THEN {'stage': 'plans', 'reason': 'evidence_only', 'fate': 'excluded'}
        WHEN arm = 'write_plan' THEN {'stage': 'plans', 'reason': NULL, 'fate': 'pending'}
        WHEN arm NOT IN ('solve', 'execute') OR (arm = 'solve' AND phase <> 'screen')
            THEN {'stage': 'choices', 'reason': 'evidence_only', 'fate': 'excluded'}
        WHEN outcome <> 'correct' THEN {'stage': 'verdicts', 'reason': outcome || ':' || reason, 'fate': 'excluded'}
        WHEN decision = 'dropped' THEN {'stage': 'choices', 'reason': choice_reason, 'fate': 'excluded'}
        WHEN decision = 'kept' THEN {'stage': 'examples', 'reason': NULL, 'fate': 'pending'}
        WHEN outcome IS NULL THEN {'stage': 'verdicts', 'reason': NULL, 'fate': 'pending'}
        WHEN arm = 'solve' AND tries_plans
            THEN {'stage': 'choices', 'reason': 'evidence_only', 'fate': 'excluded'}
        WHEN plan_status <> 'parsed' THEN {'stage': 'plans', 'reason': plan_status, 'fate': 'excluded'}
        WHEN arm = 'execute' AND is_best IS NULL THEN {'stage': 'plan_scores', 'reason': NULL, 'fate': 'pending'}
        WHEN plan_became IS NOT NULL THEN plan_became
        ELSE {'stage': 'choices', 'reason': NULL, 'fate': 'pending'}
    END AS became
    FROM samples
),

traces AS (
    SELECT prompt_id, bool_or(outcome = 'correct') AS has_correct, bool_or(decision = 'kept') AS has_kept,
        bool_or(outcome IS NULL AND finish_reason <> 'error') AS awaits_verdict,
        bool_or(outcome = 'correct' AND decision IS NULL) AS awaits_choice
    FROM samples
    WHERE (tries_plans AND is_best) OR (NOT tries_plans AND arm = 'solve')
    GROUP BY prompt_id
),

plan_fates AS (
    SELECT plans.plan_id, plans.prompt_id, plans.rollout_id, plans.status, tried.is_best, tried.is_ruled_out, CASE
        WHEN plans.plan_id IN (SELECT plan_id FROM examples)
            THEN {'stage': NULL, 'reason': NULL, 'fate': 'exported'}
        WHEN gate.stage IS NOT NULL THEN {'stage': gate.stage, 'reason': gate.reason, 'fate': 'excluded'}
        WHEN plans.status <> 'parsed' THEN {'stage': 'plans', 'reason': plans.status, 'fate': 'excluded'}
        WHEN choice.decision = 'dropped' THEN {'stage': 'choices', 'reason': choice.reason, 'fate': 'excluded'}
        WHEN tries_plans AND choice.decision IS NULL THEN {'stage': 'choices', 'reason': NULL, 'fate': 'pending'}
        WHEN tries_plans AND tried.is_best IS NULL THEN {'stage': 'plan_scores', 'reason': NULL, 'fate': 'pending'}
        WHEN tried.became IS NOT NULL THEN tried.became
        WHEN ruled_out.verdict IS NOT NULL
            THEN {'stage': 'adjudicated', 'reason': ruled_out.verdict, 'fate': 'excluded'}
        WHEN trace.became.fate = 'excluded' THEN trace.became
        WHEN plans.prompt_id IN (SELECT prompt_id FROM examples) OR (plans.origin = 'person' AND NOT tries_plans)
            THEN {'stage': 'examples', 'reason': 'not_shown', 'fate': 'excluded'}
        WHEN tries_plans AND traces.awaits_choice THEN {'stage': 'choices', 'reason': NULL, 'fate': 'pending'}
        WHEN tries_plans AND traces.has_kept IS DISTINCT FROM true
            THEN {'stage': 'choices', 'reason': 'no_kept_trace', 'fate': 'excluded'}
        ELSE {'stage': 'examples', 'reason': NULL, 'fate': 'pending'}
    END AS became
    FROM plans
    CROSS JOIN runs
    LEFT JOIN prompt_gates AS gate USING (prompt_id)
    LEFT JOIN choices AS choice ON choice.kind = 'plan' AND choice.id = plans.plan_id
    LEFT JOIN tried ON tried.plan_id = plans.plan_id
    LEFT JOIN traces ON traces.prompt_id = plans.prompt_id
    LEFT JOIN ruled_out ON ruled_out.plan_id = plans.plan_id
    LEFT JOIN sample_fates AS writer ON writer.rollout_id = plans.rollout_id
    LEFT JOIN sample_fates AS trace ON trace.rollout_id = writer.parent_id AND trace.arm = 'solve'
),

rollout_fates AS (
    SELECT sample.rollout_id, sample.prompt_id, CASE
        WHEN sample.arm <> 'write_plan' OR sample.became.fate = 'excluded' THEN sample.became
        WHEN plan.plan_id IS NOT NULL THEN plan.became
        WHEN sample.prompt_id IN (SELECT prompt_id FROM plans)
            THEN {'stage': 'plans', 'reason': 'same_plan', 'fate': 'excluded'}
        ELSE sample.became
    END AS became
    FROM sample_fates AS sample
    LEFT JOIN plan_fates AS plan ON plan.rollout_id = sample.rollout_id
),

planning AS (
    SELECT prompts.prompt_id, bool_or(plan.status = 'parsed') AS has_parsed, bool_or(plan.is_best) AS has_best,
        bool_or(plan.is_ruled_out) AS has_ruled_out,
        count(writer.rollout_id) > 0 AND bool_and(coalesce(writer.finish_reason = 'error', true)) AS all_failed,
        bool_or(plan.became.stage = 'choices' AND plan.became.fate = 'pending') AS awaits_choice,
        bool_or(plan.became.stage = 'plan_scores' AND plan.became.fate = 'pending') AS awaits_score
    FROM prompts
    LEFT JOIN plan_fates AS plan USING (prompt_id)
    LEFT JOIN samples AS writer
        ON writer.prompt_id = prompts.prompt_id AND writer.arm = 'write_plan' AND writer.step_id <> 'strategies'
    GROUP BY prompts.prompt_id
),

prompt_fates AS (
    SELECT prompts.prompt_id, CASE
        WHEN prompts.prompt_id IN (SELECT prompt_id FROM examples)
            THEN {'stage': NULL, 'reason': NULL, 'fate': 'exported'}
        WHEN gate.stage IS NOT NULL THEN {'stage': gate.stage, 'reason': gate.reason, 'fate': 'excluded'}
        WHEN prompts.prompt_id NOT IN (SELECT prompt_id FROM screened)
            THEN {'stage': 'screened', 'reason': NULL, 'fate': 'pending'}
        WHEN prompts.prompt_id NOT IN (SELECT prompt_id FROM bands)
            THEN {'stage': 'bands', 'reason': NULL, 'fate': 'pending'}
        WHEN traces.has_kept THEN {'stage': 'examples', 'reason': NULL, 'fate': 'pending'}
        WHEN tries_plans AND has_parsed IS NULL AND NOT all_failed
            THEN {'stage': 'plans', 'reason': NULL, 'fate': 'pending'}
        WHEN tries_plans AND has_parsed IS DISTINCT FROM true
            THEN {'stage': 'plans', 'reason': 'no_parsed_plan', 'fate': 'excluded'}
        WHEN tries_plans AND planning.awaits_choice THEN {'stage': 'choices', 'reason': NULL, 'fate': 'pending'}
        WHEN tries_plans AND awaits_score THEN {'stage': 'plan_scores', 'reason': NULL, 'fate': 'pending'}
        WHEN tries_plans AND has_best IS DISTINCT FROM true AND has_ruled_out
            THEN {'stage': 'adjudicated', 'reason': 'no_plan_stands', 'fate': 'excluded'}
        WHEN tries_plans AND has_best IS DISTINCT FROM true
            THEN {'stage': 'plan_scores', 'reason': 'no_plan_helps', 'fate': 'excluded'}
        WHEN traces.awaits_verdict THEN {'stage': 'verdicts', 'reason': NULL, 'fate': 'pending'}
        WHEN traces.awaits_choice THEN {'stage': 'choices', 'reason': NULL, 'fate': 'pending'}
        WHEN traces.has_correct THEN {'stage': 'choices', 'reason': 'no_kept_trace', 'fate': 'excluded'}
        ELSE {'stage': 'verdicts', 'reason': 'no_correct_trace', 'fate': 'excluded'}
    END AS became
    FROM prompts
    CROSS JOIN runs
    LEFT JOIN prompt_gates AS gate USING (prompt_id)
    LEFT JOIN traces USING (prompt_id)
    LEFT JOIN planning USING (prompt_id)
)

SELECT 'prompt' AS entity, prompt_id AS id, prompt_id, became.stage, became.reason, became.fate FROM prompt_fates
UNION ALL
SELECT 'rollout', rollout_id, prompt_id, became.stage, became.reason, became.fate FROM rollout_fates
UNION ALL
SELECT 'plan', plan_id, prompt_id, became.stage, became.reason, became.fate FROM plan_fates
