"""What is known of bodies: keypoint sets, their limbs, rigid segments, joint limits and proportions."""
